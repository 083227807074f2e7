import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toOcsf } from '../../src/audit/events/ocsf.ts'
import type { AuditRecord } from '../../src/audit/events/record.ts'
import { suppressedEvent } from '../../src/audit/events/suppressed-event.ts'
import { type SuppressedDenials, sampleDenials } from '../../src/audit/sample-denials.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { ArgumentError } from '../../src/errors.ts'
import { shortRuns } from '../property/runs.ts'
import { denied, stoppedClock } from './events.ts'
import { faultsOfApiActivity } from './ocsf-schema.ts'

const countOf = (denials: readonly SuppressedDenials[]): number => denials.reduce((sum, { count }) => sum + count, 0)

describe('denials', () => {
  it('AUD-10 are sampled for each invoker, and the omitted ones are counted [attack 81]', () => {
    const clock = stoppedClock(0)
    const sampler = sampleDenials({ perIssuer: 2, inAll: 100, period: 60, clock })
    expect(Array.from({ length: 7 }, () => sampler.admit('a')).filter(Boolean)).toHaveLength(2)
    expect(sampler.admit('b')).toBe(true)
    expect(sampler.isDue()).toBe(false)
    clock.set(60)
    expect(sampler.isDue()).toBe(true)
    expect([sampler.admit('a'), sampler.admit('a'), sampler.admit('a')]).toEqual([true, true, false])
    expect(sampler.take()).toEqual([{ authenticated: true, count: 6, since: 0 }])
    expect([sampler.take(), sampler.isDue()]).toEqual([[], false])
    expect(sampler.admit('a')).toBe(false)
    // When the clock was set back, a new period begins.
    clock.set(10)
    expect([sampler.isDue(), sampler.admit('a')]).toEqual([true, true])
    expect(() => sampleDenials({ perIssuer: 0 })).toThrow(ArgumentError)
    expect(() => sampleDenials({ unauthenticated: 0 })).toThrow(ArgumentError)
  })

  it('AUD-10 without authentication have their own limit, and do not use up the limit of the others [attack 81]', () => {
    const sampler = sampleDenials({ perIssuer: 10, inAll: 20, unauthenticated: 5, clock: stoppedClock(0) })
    const forged = Array.from({ length: 10_000 }, () => sampler.admit(undefined))
    expect(forged.filter(Boolean)).toHaveLength(5)
    expect(Array.from({ length: 11 }, () => sampler.admit('victim')).filter(Boolean)).toHaveLength(10)
    expect(Array.from({ length: 30 }, (_, i) => sampler.admit(`did:key:z${i}`)).filter(Boolean)).toHaveLength(10)
    expect(sampler.take()).toEqual([
      { authenticated: false, count: 9_995, since: 0 },
      { authenticated: true, count: 21, since: 0 },
    ])
  })

  it('AUD-10 of 100,000 invented invokers add a limited number of records [attack 81]', async () => {
    const clock = stoppedClock(0)
    const sampler = sampleDenials({ clock, maxIssuers: 100 })
    const sink = memoryAuditSink()
    for (let i = 0; i < 100_000; i++) {
      const invoker = i % 2 === 0 ? `did:key:z${i % 50_000}` : undefined
      if (sampler.admit(invoker)) await sink.append(denied(i), {})
    }
    // Two of each of a hundred invokers, ten of all others together, and a hundred without authentication.
    expect(sink.records()).toHaveLength(200 + 10 + 100)
    expect(sink.lines().join('\n').length).toBeLessThan(1_000_000)
    expect(countOf(sampler.take())).toBe(100_000 - 310)
  })

  it('AUD-25 are reported or counted, each once, in any order of events and failures', () => {
    const step = fc.oneof(
      fc.record({ invoker: fc.constantFrom('a', 'b', undefined), stored: fc.boolean() }),
      fc.record({ pass: fc.integer({ min: -5, max: 90 }) }),
      fc.record({ tell: fc.boolean() }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const clock = stoppedClock(1_000)
        const sampler = sampleDenials({ perIssuer: 3, inAll: 4, unauthenticated: 2, clock })
        const refused = { true: 0, false: 0 }
        const told = { true: 0, false: 0 }
        for (const one of steps) {
          if ('pass' in one) clock.set(clock.now() + one.pass)
          else if ('tell' in one) {
            for (const denials of sampler.take()) {
              if (one.tell) told[`${denials.authenticated}`] += denials.count
              else sampler.giveBack(denials)
            }
          } else {
            const authenticated = `${one.invoker !== undefined}` as const
            refused[authenticated]++
            if (!sampler.admit(one.invoker)) continue
            if (one.stored) told[authenticated]++
            else sampler.lose(one.invoker)
          }
        }
        for (const denials of sampler.take()) told[`${denials.authenticated}`] += denials.count
        expect(told).toEqual(refused)
      }),
      shortRuns(300),
    )
  })

  it('AUD-25 that were omitted are a separate event without a call', async () => {
    const denials = { authenticated: true, count: 7, since: 1_800_000_000 }
    const event = suppressedEvent({ denials, time: 1_800_000_060, mode: 'shadow' })
    expect(event).toEqual({
      kind: 'denied',
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      time: 1_800_000_060,
      mode: 'shadow',
      authenticated: true,
      code: 'suppressed',
      requirement: 'AUD-25',
      suppressed: 7,
      since: 1_800_000_000,
    })
    const sink = memoryAuditSink()
    for (const authenticated of [true, false]) {
      await sink.append(suppressedEvent({ denials: { ...denials, authenticated }, time: 1_800_000_060 }), {})
    }
    for (const record of sink.records()) {
      const exported = toOcsf(record as AuditRecord, { product: { name: 'mail', vendorName: 'Example' } })
      expect(faultsOfApiActivity(exported)).toEqual([])
      expect(exported).toMatchObject({
        message: '7 denied calls are not recorded',
        count: 7,
        start_time: 1_800_000_000_000,
        end_time: 1_800_000_060_000,
        time: 1_800_000_060_000,
        status: 'Failure',
        status_code: 'suppressed',
        action_id: 2,
        actor: { user: { name: 'mail', type_id: 3 } },
        src_endpoint: { name: 'mail' },
        unmapped: { suppressed: 7, since: 1_800_000_000 },
      })
      for (const name of ['ai_agent', 'resources', 'delegation']) expect(Object.keys(exported)).not.toContain(name)
    }
    for (const wrong of [
      { ...denials, count: 0 },
      { ...denials, authenticated: 1 },
      { ...denials, since: -1 },
      undefined,
    ]) {
      expect(() => suppressedEvent({ denials: wrong as never, time: 1 })).toThrow(ArgumentError)
    }
  })
})
