import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { memoryReplayStore, type ReplayStore } from '../../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { twinSignature } from '../../../src/core/principal/signature.ts'
import { StoreError, StoreFullError } from '../../../src/errors.ts'
import { never } from '../../../src/time.ts'
import { fullOfHashes } from '../../property/replay-properties.ts'
import { inCi, shortRuns } from '../../property/runs.ts'
import { actor, clock, now } from '../../support/actors.ts'
import { invocationPayload, sealRaw } from '../../support/raw-token.ts'
import { call, createService, decide, service, verdict } from '../../support/service.ts'

const alice = await actor('alice')
const claim = (store: ReplayStore, key: string, expiration = now + 60) => store.claim(key, expiration, {})

const { numRuns, seed, title } = shortRuns(1_200)

/** The answer to a claim, or the reason for its refusal. */
function answerOf(claimOne: () => unknown): unknown {
  try {
    return claimOne()
  } catch (error) {
    if (error instanceof StoreFullError) return 'full'
    if (error instanceof StoreError) return 'past'
    throw error
  }
}

/** The rules of the store over a plain map: entries end 300 seconds after their expiry. */
function modelStore(maxEntries: number): (key: string, expiration: number, time: number) => boolean | string {
  const until = new Map<string, number>()
  let latest = Number.NEGATIVE_INFINITY
  return (key, expiration, time) => {
    latest = Math.max(latest, Math.floor(time))
    if (expiration < latest) return 'past'
    for (const [other, ends] of until) if (ends + 300 < latest) until.delete(other)
    const known = until.get(key)
    if (known === undefined && until.size >= maxEntries) return 'full'
    until.set(key, Math.max(expiration, known ?? expiration))
    return known === undefined
  }
}

describe('replay', () => {
  it('RPL-01 is refused, of any number at once all but one [attack 15]', async () => {
    const authorizer = createService()
    const container = encodeContainer([await call({ issuer: alice })])
    const decisions = await Promise.all(Array.from({ length: 1_000 }, () => authorizer.authorize(container)))
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(1)
    expect(new Set(decisions.map(verdict))).toEqual(new Set(['allowed', 'replayed at 0 RPL-01']))
  })

  it('RPL-01 is refused under the other signature that ECDSA allows [attack 20] [attack 58]', async () => {
    for (const algorithm of ['ES256', 'ES256K'] as const) {
      const authorizer = createService()
      const { bytes } = await call({ issuer: await actor('alice', algorithm) })
      const twin = bytes.slice()
      twin.set(twinSignature(algorithm, bytes.slice(3, 67)) as Uint8Array, 3)
      expect(verdict(await authorizer.authorize(encodeContainer([{ bytes: twin }])))).toBe('allowed')
      expect(verdict(await authorizer.authorize(encodeContainer([{ bytes }])))).toBe('replayed at 0 RPL-01')
    }
  })

  it('RPL-02 is made hard by a nonce, which idempotent commands need not have [attack 13]', async () => {
    const send = defineCommand({ command: '/mail/send', args: {} })
    const put = defineCommand({ command: '/file/put', args: {}, idempotent: true })
    const said = async (command: string, bytes: number, change = {}) =>
      decide([await call({ issuer: alice, command, nonce: new Uint8Array(bytes) })], {
        commands: [send, put],
        ...change,
      })
    expect(await said('/mail/send', 12)).toBe('allowed')
    expect(await said('/mail/send', 11)).toBe('nonce_too_short at 0 RPL-02')
    expect(await said('/mail/send', 0)).toBe('nonce_too_short at 0 RPL-02')
    expect(await said('/mail/send', 0, { minimumNonceBytes: 0 })).toBe('allowed')
    expect(await said('/file/put', 0)).toBe('allowed')
  })

  it('RPL-02 is refused for a copy of an idempotent call, and not for another call of the same task', async () => {
    const put = defineCommand({ command: '/file/put', args: {}, idempotent: true })
    const authorizer = createService({ commands: [put] })
    const made = (expiration: number) =>
      call({ issuer: alice, command: '/file/put', nonce: new Uint8Array(), expiration })
    const [first, second] = [await made(now + 60), await made(now + 61)]
    expect(first.task.equals(second.task)).toBe(true)
    const said = async (one: typeof first) => verdict(await authorizer.authorize(encodeContainer([one])))
    expect([await said(first), await said(second), await said(first), await said(second)]).toEqual([
      'allowed',
      'allowed',
      ...Array(2).fill('replayed at 0 RPL-01'),
    ])
  })

  it('RPL-03 is not made possible by a full store [attack 86]', async () => {
    let time = now
    const store = memoryReplayStore({ maxEntries: 2, clock: { now: () => time } })
    expect(claim(store, 'a')).toBe(true)
    expect(claim(store, 'b')).toBe(true)
    expect(() => claim(store, 'c')).toThrow(StoreFullError)
    expect(claim(store, 'a')).toBe(false)
    time = now + 361
    expect(claim(store, 'c', time + 60)).toBe(true)
    const full = createService({ replay: memoryReplayStore({ maxEntries: 0, clock }) })
    expect(verdict(await full.authorize(encodeContainer([await call({ issuer: alice })])))).toBe(
      'replay_unknown at 0 RPL-05',
    )
  })

  it('RPL-03 is kept out by a full store, which has room again as soon as its entries have expired', () => {
    let time = 0
    const store = memoryReplayStore({ maxEntries: 2, clock: { now: () => time } })
    expect([claim(store, 'a', 63), claim(store, 'b', 63)]).toEqual([true, true])
    time = 363
    expect(() => claim(store, 'c', 500)).toThrow(StoreFullError)
    time = 364
    expect([claim(store, 'c', 500), claim(store, 'd', 500)]).toEqual([true, true])
    expect(() => claim(store, 'e', 500)).toThrow(StoreFullError)
  })

  it('RPL-03 is kept out by a store that forgets a few expired entries at a claim, not all of them', () => {
    let time = 0
    const store = memoryReplayStore({ maxEntries: 1_000, clock: { now: () => time } })
    for (let index = 0; index < 500; index++) void claim(store, `old ${index}`, 63)
    time = 400
    const forget = vi.spyOn(Map.prototype, 'delete')
    void claim(store, 'new', 500)
    const { length } = forget.mock.calls
    forget.mockRestore()
    expect(length).toBeGreaterThan(0)
    expect(length).toBeLessThan(10)
  })

  fullOfHashes(inCi ? 60_000 : 20_000)

  it('RPL-03 is asked of the store until exp plus the tolerance, or Infinity for a call that never expires', async () => {
    const given: number[] = []
    const replay: ReplayStore = { claim: (_, expiration) => given.push(expiration) > 0 }
    const authorizer = createService({ replay, clockTolerance: 45, maxInvocationLifetime: never })
    for (const expiration of [now + 60, never] as const) {
      const container = encodeContainer([await call({ issuer: alice, expiration })])
      expect(verdict(await authorizer.authorize(container))).toBe('allowed')
    }
    expect(given).toEqual([now + 105, Number.POSITIVE_INFINITY])
  })

  it('RPL-04 is not made possible by a clock that goes back', () => {
    let time = now
    const store = memoryReplayStore({ clock: { now: () => time } })
    expect(claim(store, 'a')).toBe(true)
    time = now + 3_600
    expect(claim(store, 'b', time + 60)).toBe(true)
    time = now
    expect(() => claim(store, 'a')).toThrow(StoreError)
  })

  it('RPL-04 is not made possible by a clock that gives no time', () => {
    let time = now
    const store = memoryReplayStore({ maxEntries: 1, clock: { now: () => time } })
    expect(claim(store, 'a')).toBe(true)
    for (time of [Number.NaN, Number.POSITIVE_INFINITY, undefined as never]) {
      expect(() => claim(store, 'b'), String(time)).toThrow('returned no time')
    }
    time = now
    expect(() => claim(store, 'b')).toThrow(StoreError)
    expect(claim(store, 'a')).toBe(false)
    // One with room: it takes nothing meanwhile, and works again with the clock.
    const roomy = memoryReplayStore({ clock: { now: () => time } })
    expect(claim(roomy, 'a')).toBe(true)
    for (time of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, undefined as never]) {
      for (const key of ['a', 'b']) expect(() => claim(roomy, key), String(time)).toThrow('returned no time')
    }
    time = now
    expect([claim(roomy, 'a'), claim(roomy, 'b'), claim(roomy, 'b')]).toEqual([false, true, false])
  })

  it('RPL-07 is refused by services that share a store and differ in their tolerance', async () => {
    for (const tolerances of [
      [60, 300],
      [300, 60],
    ]) {
      const replay = memoryReplayStore({ clock })
      const container = encodeContainer([await call({ issuer: alice })])
      const verdicts: string[] = []
      for (const clockTolerance of tolerances) {
        verdicts.push(verdict(await createService({ replay, clockTolerance }).authorize(container)))
      }
      expect(verdicts).toEqual(['allowed', 'replayed at 0 RPL-01'])
    }
  })

  it(`RPL-07 is refused until the latest expiry, in a store that agrees with a map (${title})`, () => {
    const hashes = Array.from({ length: 24 }, (_, at) => createHash('sha256').update(`${at}`).digest('base64url'))
    const others = ['', 'a', 'b', '__proto__', `=${'A'.repeat(42)}`, `é${'A'.repeat(42)}`, 'A'.repeat(44)]
    const step = fc.record({
      key: fc.constantFrom(...hashes, ...others),
      wait: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 0, max: 90 }) },
        fc.constantFrom(-50, -10_000, 3_600, 1e7, 0.5),
      ),
      validFor: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: -70, max: 700 }) },
        fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e13, 1e300),
      ),
    })
    const seen = new Set<unknown>()
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), fc.nat(20), (steps, maxEntries) => {
        let time = now
        const store = memoryReplayStore({ maxEntries, clock: { now: () => time } })
        const model = modelStore(maxEntries)
        for (const { key, wait, validFor } of steps) {
          time += wait
          const wanted = model(key, time + validFor, time)
          seen.add(wanted)
          expect(answerOf(() => claim(store, key, time + validFor))).toBe(wanted)
        }
      }),
      { numRuns, seed },
    )
    expect([...seen].map(String).sort()).toEqual(['false', 'full', 'past', 'true'])
  })

  it('RPL-08 is asked of the store with the first second at which the call could be accepted, or without any', async () => {
    const given: unknown[] = []
    const replay: ReplayStore = { claim: (_, __, { acceptedFrom }) => given.push(acceptedFrom) > 0 }
    const authorizer = createService({ replay, clockTolerance: 45 })
    const payload = { ...invocationPayload(alice.did), aud: service.did }
    for (const iat of [now - 20, undefined]) {
      const bytes = await sealRaw(alice, { tag: 'ucan/inv@1.0.0', payload: { ...payload, iat } })
      for (const signal of [undefined, new AbortController().signal]) {
        const container = encodeContainer([{ bytes }])
        const decision = await authorizer.authorize(container, signal && { signal })
        expect(verdict(decision)).toBe('allowed')
      }
    }
    expect(given).toEqual([now - 65, now - 65, undefined, undefined])
  })

  it('RPL-05 is refused when the store fails, whichever way', async () => {
    const container = encodeContainer([await call({ issuer: alice })])
    const failing: ReplayStore['claim'][] = [
      () => Promise.reject(new Error('down')),
      () => {
        throw new Error('down')
      },
    ]
    for (const fails of failing) {
      const errors: unknown[] = []
      const authorizer = createService({ replay: { claim: fails }, onError: (error) => errors.push(error) })
      expect(verdict(await authorizer.authorize(container))).toBe('replay_unknown at 0 RPL-05')
      expect(errors).toEqual([new Error('down')])
    }
  })

  it('leaves no trace of a call that is refused for another reason [attack 17]', async () => {
    let claims = 0
    const replay: ReplayStore = { claim: () => ++claims > 0 }
    const authorizer = createService({ replay, subjects: [service.did] })
    for (let index = 0; index < 100; index++)
      await authorizer.authorize(encodeContainer([await call({ issuer: alice })]))
    expect(claims).toBe(0)
  })
})
