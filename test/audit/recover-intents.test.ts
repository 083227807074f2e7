import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { AuditEvent, OutcomeEvent } from '../../src/audit/events/event.ts'
import { parseRecord } from '../../src/audit/events/record.ts'
import { auditHistory, type LoggedEvent } from '../../src/audit/history.ts'
import { findOpenIntents } from '../../src/audit/recovery/find-open-intents.ts'
import { createIntentRecovery } from '../../src/audit/recovery/intent-recovery.ts'
import { recoverIntents } from '../../src/audit/recovery/recover-intents.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { readJsonlRecords } from '../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { readSqliteLines, sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { stdoutAuditSink } from '../../src/audit/sinks/stdout-audit-sink.ts'
import { ArgumentError } from '../../src/errors.ts'
import { denied, id, intent, outcome, stoppedClock } from './events.ts'
import { temporaryDirectory } from './jsonl/temporary.ts'
import { openDatabase } from './open-database.ts'

const day = 86_400
const began = 1_800_000_000

/** A log of events without hashes, which counts how many records were read. */
function countedLog(): AuditSink & { readonly records: LoggedEvent[]; read(): number } {
  const records: LoggedEvent[] = []
  let read = 0
  const history = auditHistory({
    inherited: 0,
    async *newestFirst() {
      for (let end = records.length; end > 0; end -= 100) {
        const page = records.slice(Math.max(0, end - 100), end).reverse()
        read += page.length
        yield page
      }
    },
  })
  return {
    name: 'counted',
    records,
    history,
    append: async (event) => {
      records.push({ sequence: records.length + 1, event })
      return { sink: 'counted', durability: 'process', sequence: records.length }
    },
    close: async () => undefined,
    read() {
      const count = read
      read = 0
      return count
    },
  }
}

/** The statuses of the outcomes of each intent in a log. */
async function endsOf(records: Iterable<LoggedEvent> | AsyncIterable<LoggedEvent>): Promise<Map<string, string[]>> {
  const ends = new Map<string, string[]>()
  for await (const { event } of records) {
    if (event.kind === 'outcome') ends.set(event.intent, [...(ends.get(event.intent) ?? []), event.status])
  }
  return ends
}

afterEach(() => {
  vi.useRealTimers()
})

describe('intents without an outcome', () => {
  it('AUD-09 are all closed as unknown at the next start, in their mode', async () => {
    const directory = temporaryDirectory()
    const first = await openJsonlAuditSink({ directory })
    await first.append(intent(1, { mode: 'shadow' }), {})
    for (let i = 2; i <= 4; i++) await first.append(intent(i), {})
    await first.append(outcome(5, 2), {})
    await first.append({ kind: 'released', id: id(6), time: 1, intent: id(3), vault: 'smtp', downscoped: false }, {})
    await first.append(denied(7, { intent: id(4) }), {})
    await first.append(denied(8), {})
    await first.close()

    const sink = await openJsonlAuditSink({ directory })
    const { recovered, pending } = await recoverIntents({ sink, clock: stoppedClock(42.7) })
    expect(recovered.map(({ sequence, released }) => [sequence, released])).toEqual([
      [1, false],
      [3, true],
    ])
    expect(pending).toEqual([])
    await sink.close()
    const events: AuditEvent[] = []
    for await (const { event } of readJsonlRecords({ directory })) events.push(event)
    expect(events.slice(8)).toMatchObject([
      { kind: 'outcome', intent: id(1), status: 'unknown', time: 42, mode: 'shadow' },
      { kind: 'outcome', intent: id(3), status: 'unknown', time: 42 },
    ])
    expect(events[9]).not.toHaveProperty('mode')
    expect(await findOpenIntents(readJsonlRecords({ directory }))).toEqual([])
  })

  it('AUD-09 cannot be found in a sink that keeps no log', async () => {
    const recovering = recoverIntents({ sink: stdoutAuditSink() })
    await expect(recovering).rejects.toThrow(ArgumentError)
  })
})

describe('a call that can still be running', () => {
  it('AUD-35 is left open until its writer can no longer record an outcome', async () => {
    const sink = memoryAuditSink()
    const clock = stoppedClock(began)
    await sink.append(intent(1, { outcomeBy: began + 90 }), {})
    await sink.append(intent(2, { time: began }), {})
    for (const [time, recovered, pending] of [
      [began + 90, [], [1, 2]],
      [began + 90.5, [1], [2]],
      [began + day, [], [2]],
      [began + day + 0.5, [2], []],
      [began + 9 * day, [], []],
    ] as const) {
      clock.set(time)
      const run = await recoverIntents({ sink, clock })
      expect(run.recovered.map(({ sequence }) => sequence)).toEqual(recovered)
      expect(run.pending.map(({ sequence }) => sequence)).toEqual(pending)
    }
  })

  it('AUD-35 of an earlier process is closed at once in a log with one writer, because that process has ended', async () => {
    const directory = temporaryDirectory()
    const first = await openJsonlAuditSink({ directory })
    await first.append(intent(1, { outcomeBy: began + 90 }), {})
    await first.close()
    const sink = await openJsonlAuditSink({ directory })
    // Two guards of this process share the sink: neither closes the calls of the other.
    await sink.append(intent(2, { outcomeBy: began + 90 }), {})
    const clock = stoppedClock(began)
    const runs = await Promise.all([recoverIntents({ sink, clock }), recoverIntents({ sink, clock })])
    expect(runs.map(({ recovered }) => recovered.map((one) => one.sequence))).toEqual([[1], []])
    expect(runs.map(({ pending }) => pending.map((one) => one.sequence))).toEqual([[2], [2]])
    await sink.close()
    expect(await endsOf(readJsonlRecords({ directory }))).toEqual(new Map([[id(1), ['unknown']]]))
  })

  it('AUD-35 is judged by the time at which the read began, so that a timely outcome is not contradicted', async () => {
    const sink = countedLog()
    const clock = stoppedClock(began)
    await sink.append(intent(1, { outcomeBy: began + 90 }), {})
    const slow = auditHistory({
      inherited: 0,
      async *newestFirst(options) {
        for await (const page of sink.history?.newestFirst(options) ?? []) {
          // The intent has been read already, and the writer is in time.
          await sink.append(outcome(2, 1), {})
          clock.set(began + 91)
          yield page
        }
      },
    })
    const { recovered } = await recoverIntents({ sink: { ...sink, history: slow }, clock })
    expect(recovered).toEqual([])
    expect(await endsOf(sink.records)).toEqual(new Map([[id(1), ['ok']]]))
  })
})

describe('the reading of a recovery', () => {
  it('AUD-36 is limited to 10,000 records and those since its last run, by the records that it writes', async () => {
    const sink = countedLog()
    const clock = stoppedClock(began)
    let number = 0
    async function write(calls: number): Promise<void> {
      for (let i = 0; i < calls; i++) {
        number += 1
        await sink.append(intent(number, { time: began, outcomeBy: began + 90 }), {})
        await sink.append(outcome(1_000_000 + number, number), {})
      }
    }
    const settled = (): number[] => sink.records.flatMap(({ event }) => (event.kind === 'settled' ? event.before : []))
    await write(4_000)
    await recoverIntents({ sink, clock })
    expect([sink.read(), settled()]).toEqual([8_000, []])
    await write(1_500)
    await recoverIntents({ sink, clock })
    expect([sink.read(), settled()]).toEqual([11_000, [11_001]])
    await write(20)
    await recoverIntents({ sink, clock })
    expect(sink.read()).toBeLessThan(300)

    // A running call is not skipped.
    await sink.append(intent(900_000, { time: began, outcomeBy: began + 90 }), {})
    const open = sink.records.length
    await write(6_000)
    await recoverIntents({ sink, clock })
    expect(settled()).toEqual([11_001])
    clock.set(began + 91)
    const { recovered } = await recoverIntents({ sink, clock })
    expect(recovered.map(({ sequence }) => sequence)).toEqual([open])
    expect(settled()).toEqual([11_001, open + 12_001])
    expect(await endsOf(sink.records).then((ends) => ends.get(id(900_000)))).toEqual(['unknown'])
  })

  it('AUD-36 is limited to the new records, from the second run of a guard on', async () => {
    const sink = countedLog()
    const clock = stoppedClock(began)
    const recovery = createIntentRecovery({ sink, clock })
    for (let i = 1; i <= 1_000; i++) await sink.append(intent(i, { outcomeBy: began + i }), {})
    expect((await recovery.run({})).pending).toHaveLength(1_000)
    expect(sink.read()).toBe(1_000)
    for (let i = 501; i <= 1_000; i++) await sink.append(outcome(2_000 + i, i), {})
    clock.set(began + 400.5)
    const { recovered, pending } = await recovery.run({})
    expect(recovered.map(({ event }) => event.id)).toEqual(Array.from({ length: 400 }, (_, i) => id(i + 1)))
    expect(pending.map(({ event }) => event.id)).toEqual(Array.from({ length: 100 }, (_, i) => id(i + 401)))
    expect(sink.read()).toBeLessThanOrEqual(600)
    clock.set(began + day)
    expect((await recovery.run({})).recovered).toHaveLength(100)
    const ends = [...(await endsOf(sink.records)).values()]
    expect(ends).toHaveLength(1_000)
    expect(ends.every((statuses) => statuses.length === 1)).toBe(true)
  })

  it('AUD-36 is not shortened by a record with an impossible position', async () => {
    const sink = countedLog()
    await sink.append(intent(1, { outcomeBy: began }), {})
    await sink.append({ kind: 'settled', id: id(2), time: began, before: 9 }, {})
    const { recovered } = await recoverIntents({ sink, clock: stoppedClock(began + 1) })
    expect(recovered.map(({ sequence }) => sequence)).toEqual([1])
  })
})

describe('simultaneous recoveries', () => {
  it('AUD-37 write one outcome for each intent, also while calls run', async () => {
    const path = join(temporaryDirectory(), 'audit.db')
    const databases = [openDatabase(path), openDatabase(path)]
    for (const database of databases) database.exec('PRAGMA busy_timeout = 5000')
    const sinks = databases.map((database) => sqliteAuditSink({ database }))
    const [one, other] = sinks as [AuditSink, AuditSink]
    for (let i = 1; i <= 20; i++) await one.append(intent(i, { outcomeBy: began }), {})
    const clock = stoppedClock(began + 1)
    const late = Array.from({ length: 20 }, (_, i) =>
      other.append(outcome(100 + i, i + 1), {}).catch((error: { code: string }) => error.code),
    )
    const runs = await Promise.all([recoverIntents({ sink: one, clock }), recoverIntents({ sink: other, clock })])
    const refused = (await Promise.all(late)).filter((answer) => answer === 'ERR_AUDIT_SETTLED').length
    const records = [...readSqliteLines(databases[0] as never)].map(parseRecord)
    const ends = [...(await endsOf(records)).values()]
    expect(ends).toHaveLength(20)
    expect(ends.every((statuses) => statuses.length === 1)).toBe(true)
    const recovered = runs.reduce((sum, run) => sum + run.recovered.length, 0)
    expect(recovered).toBe(refused)
    expect(ends.flat().filter((status) => status === 'unknown')).toHaveLength(recovered)
  })
})

describe('a failing recovery', () => {
  it('AUD-09 closes as many intents as it can, rejects with the reason, and continues with the next run', async () => {
    const log = memoryAuditSink()
    for (let i = 1; i <= 120; i++) await log.append(intent(i, { outcomeBy: began }), {})
    let left = 70
    const failing: AuditSink = {
      ...log,
      append: async (event, options) => {
        if (left === 0) throw new Error('disk full')
        left -= 1
        return log.append(event, options)
      },
    }
    const told: string[] = []
    const clock = stoppedClock(began + 1)
    const recovery = createIntentRecovery({ sink: failing, clock, onRecovered: ({ event }) => told.push(event.id) })
    await expect(recovery.run({})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    expect(told).toHaveLength(70)
    left = 1_000
    expect((await recovery.run({})).recovered).toHaveLength(50)
    expect(new Set(told).size).toBe(120)
    const ends = [...(await endsOf(log.records())).values()]
    expect(ends).toEqual(Array.from({ length: 120 }, () => ['unknown']))
    expect(log.records().filter(({ event }) => (event as OutcomeEvent).intent === id(1))).toHaveLength(1)
  })

  it('AUD-09 times out when the log hangs, ends with its signal, and does not block another recovery', async () => {
    vi.useFakeTimers()
    const hanging = auditHistory({
      inherited: 0,
      newestFirst: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) }),
    })
    const sink: AuditSink = { ...memoryAuditSink(), history: hanging }
    const runs = [recoverIntents({ sink }), recoverIntents({ sink })]
    const given = new AbortController()
    const aborted = recoverIntents({ sink, signal: given.signal })
    const ended = Promise.allSettled([...runs, aborted])
    await vi.advanceTimersByTimeAsync(60_001)
    given.abort(new Error('closing'))
    const reasons = (await ended).map((one) => one.status === 'rejected' && (one.reason.code ?? one.reason.message))
    expect(reasons).toEqual(['ERR_AUDIT_DEADLINE', 'ERR_AUDIT_DEADLINE', 'closing'])
  })
})
