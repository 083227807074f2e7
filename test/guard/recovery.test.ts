import { getEventListeners } from 'node:events'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import type { AuditEvent, IntentEvent } from '../../src/audit/events/event.ts'
import { type AuditRecord, parseRecord } from '../../src/audit/events/record.ts'
import { auditHistory } from '../../src/audit/history.ts'
import { createIntentRecovery } from '../../src/audit/recovery/intent-recovery.ts'
import { recoverIntents } from '../../src/audit/recovery/recover-intents.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { readSqliteLines, sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { stdoutAuditSink } from '../../src/audit/sinks/stdout-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { createGuard, type Guard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { startOutcomeLease } from '../../src/guard/outcome-lease.ts'
import type { GuardEvent } from '../../src/guard/telemetry.ts'
import type { Clock } from '../../src/time.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { id, intent, stoppedClock } from '../audit/events.ts'
import { temporaryDirectory } from '../audit/jsonl/temporary.ts'
import { openDatabase } from '../audit/open-database.ts'
import { shortRuns } from '../property/runs.ts'
import { actor, now } from '../support/actors.ts'
import { call, chainOf, service } from '../support/service.ts'
import { until } from '../support/until.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)
const secret = 'canary-5510a2'
const send = defineCommand({ command: '/mail/send', args: { to: z.string() } })

interface Guarded {
  readonly guard: Guard
  readonly errors: unknown[]
  readonly events: GuardEvent[]
  /** Resolves after this many intents were recovered. */
  recovered(count: number): Promise<void>
}

function guarded(sink: AuditSink, change: Partial<GuardOptions> & { readonly recoverIntents?: boolean }): Guarded {
  const { clock = stoppedClock(now), recoverIntents: recovering = true, ...more } = change
  const errors: unknown[] = []
  const events: GuardEvent[] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  const recoveredNow = (): number => events.filter(({ name }) => name === 'recovered').length
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [send] as GuardOptions['commands'],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    audit: { sink, recoverIntents: recovering },
    clock,
    onError: (error) => void errors.push(error),
    onEvent: (event) => {
      events.push(event)
      for (const { count, resolve } of waiting) if (recoveredNow() >= count) resolve()
    },
    ...more,
  })
  onTestFinished(() => guard.close())
  return {
    guard,
    errors,
    events,
    recovered: (count) =>
      new Promise((resolve) => {
        waiting.push({ count, resolve })
        if (recoveredNow() >= count) resolve()
      }),
  }
}

/** Options of a guard whose command uses a credential of an upstream. */
function withCredential({ origin }: Upstream): Pick<GuardOptions, 'commands' | 'vault'> {
  return {
    commands: [{ ...send, credential: 'mail' }] as GuardOptions['commands'],
    vault: memoryVault({ mail: { secret, origins: [origin], processor: bearer() } }, { clock: stoppedClock(now) }),
  }
}

async function container(): Promise<string> {
  const invocation = await call({ issuer: bob, subject: alice.did, command: '/mail/send', args: { to: 'eve' }, proofs })
  return encodeContainer([invocation, ...proofs])
}

function endsOf(events: readonly AuditEvent[]): Record<string, string[]> {
  const ends: Record<string, string[]> = {}
  for (const event of events)
    if (event.kind === 'outcome') ends[event.intent] = [...(ends[event.intent] ?? []), event.status]
  return ends
}

describe('a guard that recovers intents', () => {
  it('GRD-17 closes the intents of an earlier process at its start, and reports each', async () => {
    const directory = temporaryDirectory()
    const first = await openJsonlAuditSink({ directory })
    for (let i = 1; i <= 3; i++) await first.append(intent(i, { outcomeBy: now + 1_000 }), {})
    await first.close()
    const sink = await openJsonlAuditSink({ directory })
    const { guard, events, recovered, errors } = guarded(sink, {})
    const allowed = await guard.use(await container(), async () => 'done')
    expect(allowed).toMatchObject({ allowed: true, recorded: true })
    await recovered(3)
    const told = events.filter(({ name }) => name === 'recovered')
    expect(told).toEqual(
      [1, 2, 3].map((i) => ({ name: 'recovered', command: '/mail/send', intent: id(i), released: false })),
    )
    expect(errors).toEqual([])
  })

  it('GRD-17 leaves open the calls of other processes that write to the same log', async () => {
    const path = join(temporaryDirectory(), 'audit.db')
    const database = openDatabase(path)
    const older = guarded(sqliteAuditSink({ database }), {})
    let answer: (value: string) => void = () => undefined
    const running = older.guard.use(await container(), () => new Promise<string>((resolve) => (answer = resolve)))
    const newer = sqliteAuditSink({ database: openDatabase(path) })
    await newer.append(intent(1, { time: now - 900, outcomeBy: now - 1 }), {})
    const younger = guarded(newer, {})
    // The call of the first intent has ended, and the running call has not.
    await younger.recovered(1)
    answer('sent')
    expect(await running).toMatchObject({ allowed: true, recorded: true })
    const events = [...readSqliteLines(database)].map((line) => parseRecord(line).event)
    const under = events.find((event) => event.kind === 'intent' && event.id !== id(1)) as AuditEvent
    expect(endsOf(events)).toEqual({ [id(1)]: ['unknown'], [under.id]: ['ok'] })
  })

  it('GRD-17 closes its own unrecorded outcome once its time has passed', async () => {
    const log = memoryAuditSink()
    let broken = true
    const sink: AuditSink = {
      ...log,
      append: async (event, options) => {
        if (broken && event.kind === 'outcome') throw new Error('disk full')
        return log.append(event, options)
      },
    }
    const clock = stoppedClock(now)
    const deadlines = { handlerMs: 10, closeMs: 100 }
    const { guard, recovered } = guarded(sink, { clock, deadlines })
    expect(await guard.use(await container(), async () => 'done')).toMatchObject({ allowed: true, recorded: false })
    broken = false
    clock.set(now + 3_600)
    const other = guarded(sink, { clock })
    await Promise.race([recovered(1), other.recovered(1)])
    const events = log.records().map(({ event }) => event)
    expect(Object.values(endsOf(events))).toEqual([['unknown']])
  })

  it('GRD-17 continues, and closes, while the log hangs, and reports a failure', async () => {
    const log = memoryAuditSink()
    const hanging = auditHistory({
      inherited: 0,
      newestFirst: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) }),
    })
    const one = guarded({ ...log, history: hanging }, {})
    expect(await one.guard.use(await container(), async () => 'done')).toMatchObject({ allowed: true, recorded: true })
    await one.guard.close()
    expect(one.errors).toEqual([])

    const other = memoryAuditSink()
    const failing = auditHistory({
      inherited: 0,
      newestFirst: () => {
        throw new Error('no such table')
      },
    })
    const two = guarded({ ...other, history: failing }, {})
    expect(await two.guard.use(await container(), async () => 'done')).toMatchObject({ allowed: true, recorded: true })
    const message = 'the recovery of intents: no such table'
    expect(two.errors).toMatchObject([{ message, cause: { message: 'no such table' } }])
  })

  it('GRD-17 has one listener for its end, after any number of runs', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const signals: (AbortSignal | undefined)[] = []
    const history = auditHistory({
      inherited: 0,
      async *newestFirst({ signal }) {
        signals.push(signal)
        yield []
      },
    })
    const { guard, errors } = guarded({ ...memoryAuditSink(), history }, {})
    await vi.advanceTimersByTimeAsync(5 * 600_000)
    expect(signals).toHaveLength(6)
    const [signal] = signals
    expect(getEventListeners(signal as AbortSignal, 'abort')).toHaveLength(1)
    await guard.close()
    expect(getEventListeners(signal as AbortSignal, 'abort')).toHaveLength(0)
    expect(errors).toEqual([])
  })

  it('GRD-17 requires a log that can be read back', () => {
    const make = (): unknown => guarded(stdoutAuditSink(), {})
    expect(make).toThrow('`audit.recoverIntents` requires a sink whose log can be read back')
    expect(() => guarded(memoryAuditSink(), { recoverIntents: 'yes' as never })).toThrow('must be true or false')
  })
})

describe('the time for the outcome of a call', () => {
  it('GRD-18 is part of the intent, and exceeds the longest duration of a call', async () => {
    const log = memoryAuditSink()
    const { guard } = guarded(log, { deadlines: { handlerMs: 40_000 } })
    await guard.use(await container(), async () => 'done')
    const { time, outcomeBy = 0 } = (log.records()[0] as AuditRecord).event as IntentEvent
    expect(outcomeBy - time).toBeGreaterThan(60 + 40)
    expect(outcomeBy - time).toBeLessThan(60 + 40 + 20)
  })

  it('GRD-18 can pass before the handler runs: then the call is refused', async () => {
    const log = memoryAuditSink()
    const clock = stoppedClock(now)
    const append: AuditSink['append'] = (event, options) => {
      clock.set(now + 200)
      return log.append(event, options)
    }
    const { guard } = guarded({ ...log, append }, { clock, recoverIntents: false })
    let ran = false
    const refused = await guard.use(await container(), () => {
      ran = true
    })
    expect(refused).toMatchObject({ allowed: false, denial: { code: 'audit_unavailable' } })
    expect([ran, log.records().map(({ event }) => event.kind)]).toEqual([false, ['intent']])
    const { recovered } = await recoverIntents({ sink: log, clock })
    expect(recovered).toHaveLength(1)
  })

  it('GRD-18 ends a suspended call: nothing is released or recorded for it, as the recovery requires', async () => {
    const upstream = await startUpstream(secret)
    onTestFinished(() => upstream.close())
    const log = memoryAuditSink()
    const clock = stoppedClock(now)
    const { guard, errors } = guarded(log, { clock, ...withCredential(upstream), recoverIntents: false })
    let failure: unknown
    const result = await guard.use(await container(), async ({ fetch }) => {
      // The machine slept meanwhile, and another one has closed the intent.
      clock.set(now + 300)
      const { recovered } = await recoverIntents({ sink: log, clock })
      expect(recovered).toHaveLength(1)
      failure = await fetch(upstream.origin).catch((error: unknown) => error)
      return 'done'
    })
    expect(result).toMatchObject({ allowed: true, recorded: false })
    expect(failure).toBeInstanceOf(Error)
    expect(upstream.requests).toHaveLength(0)
    expect(errors).toContainEqual(expect.objectContaining({ code: 'ERR_AUDIT_DEADLINE' }))
    expect(log.records().map(({ event }) => event.kind)).toEqual(['intent', 'outcome'])
  })

  it('GRD-18 is enforced by a database when the clocks of the process have missed the time', async () => {
    const upstream = await startUpstream(secret)
    onTestFinished(() => upstream.close())
    const database = openDatabase(join(temporaryDirectory(), 'audit.db'))
    const { guard, errors } = guarded(sqliteAuditSink({ database }), {
      ...withCredential(upstream),
      recoverIntents: false,
    })
    const result = await guard.use(await container(), async ({ fetch }) => {
      await recoverIntents({ sink: sqliteAuditSink({ database }), clock: stoppedClock(now + 300) })
      await expect(fetch(upstream.origin)).rejects.toMatchObject({ code: 'ERR_AUDIT_SETTLED' })
      return 'done'
    })
    expect(result).toMatchObject({ allowed: true, recorded: false })
    expect(upstream.requests).toHaveLength(0)
    expect(errors).toMatchObject([{ code: 'ERR_AUDIT_SETTLED' }, { code: 'ERR_AUDIT_SETTLED' }])
    const events = [...readSqliteLines(database)].map((line) => parseRecord(line).event)
    expect(events.map(({ kind }) => kind)).toEqual(['intent', 'outcome'])
    expect(Object.values(endsOf(events))).toEqual([['unknown']])
  })

  it('GRD-18 has passed by the clock when it is ahead, and by measured time when it is set back', async () => {
    const clock = stoppedClock(100.5)
    const lease = startOutcomeLease(clock, 2_000)
    expect(lease.outcomeBy).toBe(163)
    expect(lease.isOver()).toBe(false)
    clock.set(102.4)
    expect(lease.isOver()).toBe(false)
    clock.set(102.5)
    expect(lease.isOver()).toBe(true)
    clock.set(-1_000)
    const short = startOutcomeLease(clock, 5)
    clock.set(-9_000)
    await until(short.isOver)
  })

  it('GRD-18 AUD-35 leads to one outcome for each call, in any order of steps, with clocks that differ', async () => {
    type Step = {
      readonly do: 'begin' | 'end' | 'wait' | 'recover' | 'kill'
      readonly who: number
      readonly much: number
    }
    const step = fc.record<Step>({
      do: fc.constantFrom('begin', 'end', 'wait', 'recover', 'kill'),
      who: fc.nat(2),
      much: fc.nat(100),
    })
    const skews = fc.tuple(
      fc.integer({ min: -29, max: 29 }),
      fc.integer({ min: -29, max: 29 }),
      fc.integer({ min: -29, max: 29 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), skews, async (steps, skew) => {
        const sink = memoryAuditSink()
        let time = now
        const clocks = skew.map((seconds) => ({ now: () => time + seconds }))
        const recoveries = clocks.map((clock) => createIntentRecovery({ sink, clock }))
        const calls: { readonly who: number; readonly id: string; readonly isOver: () => boolean }[] = []
        const recorded = new Set<string>()
        let number = 0
        for (const { do: what, who, much } of steps) {
          const clock = clocks[who] as Clock
          if (what === 'wait') time += much
          if (what === 'recover') await recoveries[who]?.run({})
          if (what === 'kill')
            while (calls.some((one) => one.who === who))
              calls.splice(
                calls.findIndex((one) => one.who === who),
                1,
              )
          if (what === 'begin') {
            number += 1
            const { outcomeBy, isOver } = startOutcomeLease(clock, 40_000)
            await sink.append(intent(number, { time: Math.floor(clock.now()), outcomeBy }), {})
            calls.push({ who, id: id(number), isOver })
          }
          const ending = what === 'end' ? calls.splice(much % (calls.length || 1), 1)[0] : undefined
          if (ending !== undefined && !ending.isOver()) {
            const outcome = {
              kind: 'outcome',
              id: id(1_000 + number++),
              time: 1,
              intent: ending.id,
              status: 'ok',
            } as const
            await sink.append(outcome, {})
            recorded.add(ending.id)
          }
        }
        time += 1_000
        await recoveries[0]?.run({})
        const events = sink.records().map(({ event }) => event)
        const ends = endsOf(events)
        for (const event of events) {
          if (event.kind === 'intent') expect(ends[event.id]).toEqual([recorded.has(event.id) ? 'ok' : 'unknown'])
        }
      }),
      shortRuns(60),
    )
  })
})
