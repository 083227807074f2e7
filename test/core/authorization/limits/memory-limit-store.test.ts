import { describe, expect, it } from 'vitest'
import type { LimitEntry, LimitRequest } from '../../../../src/core/authorization/limits/limit-store.ts'
import { memoryLimitStore } from '../../../../src/core/authorization/limits/memory-limit-store.ts'
import { compareHistory } from '../../../../src/testing/limit-history.ts'
import { createLimitModel } from '../../../../src/testing/limit-model.ts'
import { chainKey, withChainKeys } from './chain-keys.ts'

const start = 1_800_000_000

/**
 * Makes calls, one a second, each with limits of its own that expire a second later. Returns the largest size of the
 * store.
 */
function largestSize(calls: number, limits: number, commit: boolean, keyOf: (text: string) => string): number {
  let now = start
  const store = memoryLimitStore({ clock: { now: () => now } })
  let largest = 0
  for (let call = 0; call < calls; call++, now++) {
    const entries = Array.from({ length: limits }, (_, index) => ({
      key: keyOf(`${call} ${index}`),
      kind: 'total' as const,
      maximum: 1,
      amount: 1,
      expiration: now + 1,
    }))
    expect(store.reserve({ reservation: `${call}`, entries, deadline: now + 1, commit }, {})).toEqual({
      reserved: true,
    })
    largest = Math.max(largest, store.size)
  }
  return largest
}

describe('a limit store in memory', () => {
  /** Limits are kept for 300 seconds after their end. Those that expired and were not found yet are fewer than they. */
  const most = 302 * 2

  const keys = [
    ['of chains', chainKey],
    ['of another form', (text: string) => text],
  ] as const

  describe.each(keys)('with keys %s', (_, keyOf) => {
    it.each([true, false])(
      'LMT-14 keeps no more than it needs when each call has a new limit (committed: %s)',
      (commit) => {
        expect(largestSize(2_000, 1, commit, keyOf)).toBeLessThan(most)
      },
    )

    it.each([true, false])('LMT-14 keeps no more when each call has 32 new limits (committed: %s)', (commit) => {
      expect(largestSize(1_200, 32, commit, keyOf)).toBeLessThan(32 * most)
    })

    it('LMT-14 forgets uses, holds, tasks and rates after their end, and nothing before', () => {
      let now = start
      const store = memoryLimitStore({ clock: { now: () => now } })
      const entries = (['total', 'rate', 'concurrent'] as const).map(
        (kind): LimitEntry => ({
          key: keyOf(kind),
          kind,
          maximum: 9,
          amount: kind === 'total' ? 2 : 1,
          window: 50,
          expiration: start + 1_000,
        }),
      )
      const reserve = (change: Partial<LimitRequest>): void => {
        const request = { reservation: 'first', entries, deadline: start + 100, commit: true, ...change }
        expect(store.reserve(request, {})).toEqual({ reserved: true })
      }
      const others = (count: number): void => {
        for (let at = 0; at < count; at++)
          reserve({
            reservation: `other ${now} ${at}`,
            entries: [
              { key: keyOf(`other ${at % 4}`), kind: 'total', maximum: 1e6, amount: 1, expiration: now + 9_999 },
            ],
            deadline: now + 9,
          })
      }
      const left = (): unknown => store.remaining(entries, {})
      reserve({ task: 'mail' })
      reserve({ reservation: 'second', deadline: start + 1_600, commit: false })
      now = start + 1_300
      others(2_000)
      expect(left()).toEqual([{ remaining: 5 }, { remaining: 8 }, { remaining: 8 }])
      now = start + 1_599
      others(2_000)
      expect(left()).toEqual([{ remaining: 5 }, { remaining: 8 }, { remaining: 8 }])
      now = start + 1_700
      others(2_000)
      expect(left()).toEqual([{ remaining: 9 }, { remaining: 9 }, { remaining: 9 }])
      // The four others.
      expect(store.size).toBe(4)
    })

    it('LMT-10 adds up the largest amounts exactly, in a store that grows', () => {
      const store = memoryLimitStore({ clock: { now: () => start } })
      const largest = 999_999_999_999_999
      const reserve = (text: string, amount: number, reservation: string): unknown =>
        store.reserve(
          {
            reservation,
            entries: [{ key: keyOf(text), kind: 'total', maximum: largest, amount, expiration: start }],
            deadline: start + 1,
            commit: true,
          },
          {},
        )
      // The sums pass 2^31 and 2^32 by one, and end at the largest.
      const amounts = [1, 2 ** 31 - 2, 1, 1, 2 ** 31 - 2, 1, 1, 2 ** 49, largest - 2 ** 49 - 2 ** 32 - 2, 1]
      for (const [at, amount] of amounts.entries()) {
        for (let limit = 0; limit < 300; limit++)
          expect(reserve(`limit ${limit}`, amount, `${at} ${limit}`)).toEqual({ reserved: true })
      }
      for (let limit = 0; limit < 300; limit++) {
        const key = keyOf(`limit ${limit}`)
        expect(reserve(`limit ${limit}`, 0, `end ${limit}`)).toEqual({ reserved: false, key, remaining: 0 })
      }
    })

    it('LMT-14 refuses a call when it is full of limits that count, and makes room when they have ended', () => {
      let now = start
      const store = memoryLimitStore({ maxEntries: 40, clock: { now: () => now } })
      const reserve = (at: number): unknown =>
        store.reserve(
          {
            reservation: `${at}`,
            entries: [{ key: keyOf(`${at}`), kind: 'total', maximum: 1, amount: 1, expiration: now + 10 }],
            deadline: now + 1,
            commit: true,
          },
          {},
        )
      for (let at = 0; at < 38; at++) reserve(at)
      expect(() => reserve(38)).toThrow('the limit store holds its 40 entries')
      expect(reserve(0)).toMatchObject({ reserved: false, remaining: 0 })
      expect(store.size).toBe(38)
      now += 400
      expect(reserve(38)).toEqual({ reserved: true })
    })
  })

  it('LMT-15 counts a call whose deadline passes while it is counted', () => {
    let now = start
    // Each reading takes a second.
    const store = memoryLimitStore({ clock: { now: () => now++ } })
    const rate = { key: 'rate', kind: 'rate', maximum: 1, amount: 1, window: 60, expiration: start + 900 } as const
    const request = { reservation: 'first', entries: [rate], deadline: start + 1, commit: true }
    expect(store.reserve(request, {})).toEqual({ reserved: true })
    expect(store.remaining([rate], {})).toEqual([{ remaining: 0, freeAt: start + 61 }])
  })

  it('LMT-10 agrees with a plain model in random histories with keys of chains', async () => {
    let now = start
    const clock = {
      now: () => now,
      advance(seconds: number) {
        now += seconds
      },
    }
    const store = withChainKeys(memoryLimitStore({ clock }))
    for (let seed = 1; seed <= 200; seed++) await compareHistory({ store, another: async () => store, clock }, seed, 30)
  })

  it('LMT-14 agrees with a model that forgets nothing, while limits expire and others are added', () => {
    for (let seed = 1; seed <= 40; seed++) compareWithExpirations(seed, 400)
  })
})

/**
 * Makes random requests for limits that expire to a store and to a model, and compares the answers until they expire.
 */
function compareWithExpirations(seed: number, steps: number): void {
  let now = start
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const store = memoryLimitStore({ clock: { now: () => now } })
  const model = createLimitModel()
  const kinds = ['total', 'total', 'total', 'rate', 'concurrent'] as const
  const newLimit = (serial: number): LimitEntry => ({
    key: serial % 7 === 0 ? `limit ${serial}` : chainKey(`limit ${serial}`, serial % 256),
    kind: kinds[random(kinds.length)] as LimitEntry['kind'],
    maximum: 1 + random(9),
    amount: 1,
    window: 1 + random(60),
    expiration: now + random(2_000),
  })
  const limits = Array.from({ length: 12 }, (_, serial) => newLimit(serial))
  const open = new Set<string>()
  for (let step = 0; step < steps; step++) {
    if (random(6) === 0) limits[random(limits.length)] = newLimit(12 + step)
    const valid = limits.filter(({ expiration }) => expiration >= now)
    const entries = valid
      .filter(() => random(4) === 0)
      .map((one) => ({ ...one, amount: one.kind === 'total' ? random(Math.min(3, one.maximum)) : 1 }))
    const choice = random(8)
    const name = [...open][random(open.size)]
    if (choice < 4 && entries.length > 0) {
      const commit = random(2) === 0
      const task = random(3) === 0 ? { task: `task ${random(4)}` } : {}
      const request = { reservation: `${step}`, entries, deadline: now + 1 + random(400), commit, ...task }
      expect(store.reserve(request, {}), `seed ${seed}, step ${step}`).toEqual(model.reserve(request, now))
      if (!commit) open.add(request.reservation)
    } else if (choice < 6 && name !== undefined) {
      open.delete(name)
      if (choice === 4) expect(store.commit(name, {}), `seed ${seed}, step ${step}`).toBe(model.commit(name, now))
      else {
        void store.release(name, {})
        model.release(name)
      }
    } else now += random(random(5) === 0 ? 300 : 10)
    const counting = limits.filter(({ expiration }) => expiration >= now)
    expect(store.remaining(counting, {}), `seed ${seed}, step ${step}`).toEqual(model.remaining(counting, now))
  }
}
