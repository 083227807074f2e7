import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { memoryReplayStore, type ReplayStore } from '../../src/authorization/replay-store.ts'
import { defineCommand } from '../../src/capability/definition.ts'
import { encodeContainer } from '../../src/container/container.ts'
import { StoreError, StoreFullError } from '../../src/errors.ts'
import { twinSignature } from '../../src/principal/signature.ts'
import { never } from '../../src/time.ts'
import { actor, clock, now } from '../support/actors.ts'
import { call, createService, decide, service, verdict } from '../support/service.ts'

const alice = await actor('alice')
const claim = (store: ReplayStore, key: string, expiration = now + 60) => store.claim(key, expiration, {})

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
    time = now + 200
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
    time = 63
    expect(() => claim(store, 'c', 200)).toThrow(StoreFullError)
    time = 64
    expect([claim(store, 'c', 200), claim(store, 'd', 200)]).toEqual([true, true])
    expect(() => claim(store, 'e', 200)).toThrow(StoreFullError)
  })

  it('RPL-03 is kept out by a store that forgets a few expired entries at a claim, not all of them', () => {
    let time = 0
    const store = memoryReplayStore({ maxEntries: 1_000, clock: { now: () => time } })
    for (let index = 0; index < 500; index++) void claim(store, `old ${index}`, 63)
    time = 200
    const forget = vi.spyOn(Map.prototype, 'delete')
    void claim(store, 'new', 300)
    const { length } = forget.mock.calls
    forget.mockRestore()
    expect(length).toBeGreaterThan(0)
    expect(length).toBeLessThan(10)
  })

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
      expect(() => claim(store, 'b'), String(time)).toThrow(StoreError)
    }
    time = now
    expect(() => claim(store, 'b')).toThrow(StoreError)
    expect(claim(store, 'a')).toBe(false)
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

  it('RPL-07 is refused until the latest expiry, in any order of other claims (model)', () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      wait: fc.oneof(fc.integer({ min: 0, max: 90 }), fc.constant(-50)),
      validFor: fc.oneof(fc.integer({ min: 0, max: 700 }), fc.constant(Number.POSITIVE_INFINITY)),
    })
    let second = 0
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let time = now
        let latest = now
        const store = memoryReplayStore({ maxEntries: 4, clock: { now: () => time } })
        const until = new Map<string, number>()
        for (const { key, wait, validFor } of steps) {
          time += wait
          latest = Math.max(latest, time)
          let answer: unknown
          try {
            answer = claim(store, key, time + validFor)
          } catch (error) {
            // Full, or asked about the past: the call is refused, so nothing has to be remembered.
            expect(error).toBeInstanceOf(StoreError)
            continue
          }
          const counts = (until.get(key) ?? Number.NEGATIVE_INFINITY) > latest
          if (counts) expect(answer).toBe(false)
          if (answer === true && until.has(key)) second += 1
          until.set(key, Math.max(time + validFor, until.get(key) ?? 0))
        }
      }),
      { numRuns: 300 },
    )
    expect(second).toBeGreaterThan(0)
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
