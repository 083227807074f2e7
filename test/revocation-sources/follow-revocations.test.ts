import { describe, expect, it, vi } from 'vitest'
import type { Did } from '../../src/core/did/did.ts'
import type { RevocationEntry } from '../../src/core/revocation/revocation-store.ts'
import { StoreError } from '../../src/errors.ts'
import {
  type FollowedRevocations,
  type FollowRevocationsOptions,
  followRevocations,
} from '../../src/revocation-sources/follow-revocations.ts'
import { knowledgeAge } from '../../src/revocation-sources/knowledge-age.ts'
import { never } from '../../src/time.ts'
import { actor } from '../support/actors.ts'
import { until } from '../support/until.ts'
import { type OperatedSource, operatedSource } from './sources.ts'

const [alice, bob, carol] = (await Promise.all(['alice', 'bob', 'carol'].map((name) => actor(name)))).map(
  ({ did }) => did,
) as readonly Did[] as readonly [Did, Did, Did]
const cid = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
const start = 1_000_000

interface Followed {
  readonly source: OperatedSource
  readonly store: FollowedRevocations
  readonly errors: unknown[]
  time: number
}

async function follow(
  task: (followed: Followed) => Promise<void>,
  options: Partial<FollowRevocationsOptions> = {},
): Promise<void> {
  const source = operatedSource()
  const errors: unknown[] = []
  const followed = { source, errors, time: start } as Followed
  const clock = { now: () => followed.time }
  const store = followRevocations({ source, clock, maxRetryMs: 1, onError: (error) => errors.push(error), ...options })
  Object.assign(followed, { store })
  try {
    await task(followed)
  } finally {
    await store.close()
  }
}

const entry = (id: string, revoker?: Did): RevocationEntry => ({
  ids: [id],
  expiration: never,
  ...(revoker !== undefined && { revoker }),
})

async function complete({ source, store }: Followed, ...entries: RevocationEntry[]): Promise<void> {
  source.send({ entries, cursor: '1', completeAt: start })
  await store.ready()
}

describe('a copy of revocations', () => {
  it('RVK-33 asks a source that fails again after 0.8 seconds at most, and more slowly after several failures', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      let readings = 0
      // biome-ignore lint/correctness/useYield: it fails before its first page.
      const read = async function* (): AsyncGenerator<never> {
        readings += 1
        throw new Error('away')
      }
      const store = followRevocations({ source: { read } })
      await vi.advanceTimersByTimeAsync(5_000)
      for (let time = 0; time < 30; time++) {
        const before = readings
        await vi.advanceTimersByTimeAsync(801)
        expect(readings - before).toBeGreaterThanOrEqual(1)
        // Each wait is at least half of the longest one.
        expect(readings - before).toBeLessThanOrEqual(3)
      }
      await store.close()
    } finally {
      vi.useRealTimers()
    }
  })

  it('RVK-20 refuses look-ups until it is complete for the first time', () =>
    follow(async (followed) => {
      const { store, source } = followed
      expect(() => store.findRevocations([cid])).toThrow(StoreError)
      expect(store.knowledge()).toBe(undefined)
      source.send({ entries: [entry(bob)], cursor: '1' })
      await until(() => source.places.length > 0)
      expect(() => store.findRevocations([cid])).toThrow('not complete yet')
      await complete(followed, entry(cid))
      expect(store.findRevocations([cid, alice])).toEqual([{ id: cid }])
      expect(store.findRevocations([bob])).toEqual([{ id: bob }])
      expect(store.findRevocations([alice])).toEqual([])
      expect(store.knowledge()).toMatchObject({ stale: false })
    }))

  it('RVK-20 refuses look-ups until then, however long they are answered afterwards', () =>
    follow(
      async (followed) => {
        const { store } = followed
        expect(() => store.findRevocations([cid])).toThrow('not complete yet')
        await complete(followed)
        followed.time = start + 1e9
        expect(store.findRevocations([cid])).toEqual([])
      },
      { maxAge: Number.MAX_VALUE, dangerouslyAllowStaleFor: Number.MAX_VALUE },
    ))

  it('RVK-20 refuses look-ups when it is older than maxAge, except for a revocation that applies to every chain', () =>
    follow(
      async (followed) => {
        const { store, source } = followed
        await complete(followed, entry(bob, alice), entry(cid, alice))
        followed.time = start + 29
        expect(store.findRevocations([carol])).toEqual([])
        followed.time = start + 31
        expect(() => store.findRevocations([carol])).toThrow('is 31 seconds old; `maxAge` is 30')
        // Its revoker may be no issuer before it, so that it decides nothing.
        expect(() => store.findRevocations([cid, carol])).toThrow(StoreError)
        expect(store.findRevocations([cid, bob])).toEqual([{ id: bob, revoker: alice }])
        source.send({ entries: [], cursor: '1', completeAt: start + 31 })
        await until(() => store.knowledge()?.stale === false)
        expect(store.findRevocations([carol])).toEqual([])
      },
      { maxAge: 30 },
    ))

  it('RVK-20 answers for the time that dangerouslyAllowStaleFor allows, and reports that it is stale', () =>
    follow(
      async (followed) => {
        const { store } = followed
        await complete(followed)
        for (const [seconds, stale] of [
          [9, false],
          [11, true],
          [69, true],
        ] as const) {
          followed.time = start + seconds
          expect(store.findRevocations([carol])).toEqual([])
          expect(store.knowledge()).toMatchObject({ stale })
          expect(store.knowledge()?.ageSeconds).toBeGreaterThanOrEqual(seconds)
        }
        followed.time = start + 71
        expect(() => store.findRevocations([carol])).toThrow(StoreError)
      },
      { maxAge: 10, dangerouslyAllowStaleFor: 60 },
    ))

  it('RVK-13 is not current by a source that is more than 300 seconds ahead', () =>
    follow(async ({ store, source, errors }) => {
      await until(() => source.places.length === 1)
      source.send({ entries: [entry(bob)], cursor: '1', completeAt: start + 301 })
      await until(() => errors.length > 0)
      expect(String(errors[0])).toContain('the source is 301 seconds ahead')
      expect(() => store.findRevocations([cid])).toThrow('not complete yet')
      expect(store.findRevocations([bob])).toEqual([{ id: bob }])
      await until(() => source.places.length === 2)
      source.send({ entries: [], cursor: '1', completeAt: start + 300 })
      await store.ready()
      expect(store.findRevocations([cid])).toEqual([])
    }))

  it('RVK-23 grows: neither older news, nor a new reading from the start, nor a shorter expiry removes an entry', () =>
    follow(async (followed) => {
      const { store, source, errors } = followed
      await complete(followed, entry(cid, alice), entry(bob))
      source.end(new Error('cut'))
      await until(() => source.places.length === 2)
      expect(source.places).toEqual([undefined, '1'])
      source.send({ entries: [{ ids: [cid], expiration: 1 }], cursor: '0', completeAt: 1 })
      source.send({ entries: [entry(carol)], cursor: '2', completeAt: start })
      await until(() => store.findRevocations([carol]).length > 0)
      expect(store.findRevocations([cid, alice, bob])).toEqual([{ id: cid }, { id: cid, revoker: alice }, { id: bob }])
      expect(errors).toEqual([new Error('cut')])
    }))

  it('RVK-23 does not become younger, and does not move on, if one entry is refused; the others are added', () =>
    follow(async (followed) => {
      const { store, source, errors } = followed
      await until(() => source.places.length === 1)
      const wrong = { ids: ['a name'], expiration: never } as RevocationEntry
      source.send({ entries: [entry(alice), wrong, entry(bob)], cursor: '3', completeAt: start })
      await until(() => source.places.length === 2)
      expect(source.places[1]).toBe(undefined)
      expect(errors).toHaveLength(1)
      expect(store.knowledge()).toBe(undefined)
      expect(store.findRevocations([alice, bob])).toEqual([{ id: alice }, { id: bob }])
    }))

  it('RVK-07 is not complete when it has no room', () =>
    follow(
      async (followed) => {
        const { store, source, errors } = followed
        await until(() => source.places.length === 1)
        source.send({ entries: [entry(alice), entry(bob)], cursor: '2', completeAt: start })
        await until(() => errors.length > 0)
        expect(errors[0]).toMatchObject({ code: 'ERR_STORE_FULL' })
        expect(() => store.findRevocations([carol])).toThrow('not complete yet')
      },
      { maxEntries: 1 },
    ))

  it('reads again after each end, and reports a source that throws, rejects or yields garbage', async () => {
    const answers = [
      () => {
        throw new Error('at once')
      },
      async function* () {
        yield undefined as never
      },
      () => ({}) as never,
      async function* () {
        yield { entries: [], cursor: '', completeAt: start }
      },
    ]
    let readings = 0
    const errors: unknown[] = []
    const store = followRevocations({
      source: { read: () => (answers[readings++ % answers.length] as () => AsyncIterable<never>)() },
      clock: { now: () => start },
      maxRetryMs: 1,
      onError(error) {
        errors.push(error)
        throw error
      },
    })
    await store.ready()
    expect(errors.map(String)).toEqual([
      'Error: at once',
      expect.stringContaining('TypeError'),
      expect.stringContaining('TypeError'),
    ])
    await until(() => readings > 8)
    await store.close()
  })

  it('closes while a source ignores its signal, and refuses afterwards what it does not know', async () => {
    const store = followRevocations({
      source: {
        read: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) }),
      },
    })
    const waiting = store.ready()
    await expect(store.ready({ signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no')
    await store.close()
    await expect(waiting).rejects.toThrow('was closed')
    expect(() => store.findRevocations([cid])).toThrow(StoreError)
  })

  it('refuses options that it does not have', () => {
    expect(() => followRevocations({ source: {} as never })).toThrow('`source` must be an object with a method `read`')
    expect(() => followRevocations({ source: operatedSource(), maxStale: 1 } as never)).toThrow('no option `maxStale`')
    for (const name of ['maxAge', 'dangerouslyAllowStaleFor'])
      for (const seconds of [-1, Number.POSITIVE_INFINITY, Number.NaN, '30'])
        expect(() => followRevocations({ source: operatedSource(), [name]: seconds })).toThrow(
          `\`${name}\` must be a finite number >= 0`,
        )
  })
})

describe('RVK-21 the age of a copy', () => {
  const measure = () => {
    const state = { wall: start, ms: 0 }
    const age = knowledgeAge({ now: () => state.wall }, () => state.ms)
    const pass = (seconds: number): void => {
      state.wall += seconds
      state.ms += seconds * 1_000
    }
    return { state, age, pass }
  }

  it('is infinite at first, and counts from the time of the source', () => {
    const { age, pass } = measure()
    expect(age.seconds()).toBe(Number.POSITIVE_INFINITY)
    age.note(start - 5)
    expect(age.seconds()).toBe(5)
    pass(7)
    expect(age.seconds()).toBe(12)
  })

  it('does not shrink when the clock goes back, or when the source is ahead', () => {
    const { state, age, pass } = measure()
    age.note(start + 3600)
    expect(age.seconds()).toBe(0)
    pass(10)
    expect(age.seconds()).toBe(10)
    state.wall -= 3600
    pass(10)
    expect(age.seconds()).toBe(20)
  })

  it('grows when the clock goes forward, also while the machine is suspended, and recovers with the clock', () => {
    const { state, age } = measure()
    age.note(start)
    state.wall += 3600
    expect(age.seconds()).toBe(3600)
    age.note(start + 1)
    expect(age.seconds()).toBe(3599)
    state.wall = start + 2
    age.note(start + 2)
    expect(age.seconds()).toBe(0)
  })

  it('does not count from a repeated, older time', () => {
    const { age, pass } = measure()
    age.note(start)
    pass(5)
    age.note(start - 100)
    expect(age.seconds()).toBe(5)
  })

  it('does not shrink with a time of the source that was noted before, also while the source is ahead', () => {
    const { age, pass } = measure()
    age.note(start + 50)
    age.note(start + 60)
    for (const replayed of [start + 60, start + 50]) {
      pass(20)
      const before = age.seconds()
      age.note(replayed)
      expect(age.seconds()).toBe(before)
    }
    age.note(start + 61)
    expect(age.seconds()).toBe(0)
  })

  it('is unknown without a time', () => {
    const { state, age } = measure()
    age.note(start)
    state.wall = Number.NaN
    expect(() => age.seconds()).toThrow(StoreError)
    expect(() => age.note(start)).toThrow(StoreError)
  })
})
