import { join } from 'node:path'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { expect, it } from 'vitest'
import { allOf } from '../../src/audit/combine/all-of.ts'
import { anyOf } from '../../src/audit/combine/any-of.ts'
import { bestEffort } from '../../src/audit/combine/best-effort.ts'
import { withDeadline } from '../../src/audit/combine/with-deadline.ts'
import { withHealth } from '../../src/audit/combine/with-health.ts'
import { parseRecord } from '../../src/audit/events/record.ts'
import type { AuditSink, Confirmation } from '../../src/audit/sink.ts'
import { callbackAuditSink } from '../../src/audit/sinks/callback-audit-sink.ts'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { readJsonlLines } from '../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { otelAuditSink } from '../../src/audit/sinks/otel-audit-sink.ts'
import { readSqliteLines, sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { stdoutAuditSink } from '../../src/audit/sinks/stdout-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { ProcuraError } from '../../src/errors.ts'
import { temporaryDirectory } from '../audit/jsonl/temporary.ts'
import { openDatabase } from '../audit/open-database.ts'
import { hostileEvent } from './event-arbitrary.ts'
import type { Runs } from './runs.ts'

/** A sink, and the lines of its log. */
interface Log {
  readonly sink: AuditSink
  lines(): readonly string[] | Promise<readonly string[]>
}

const onFailure = (): void => undefined

/** Every sink of this process that keeps records, and the wrappers around one of them. */
const places: readonly (readonly [name: string, open: () => Log | Promise<Log>])[] = [
  ['memory', () => inMemory((sink) => sink)],
  ['a function', () => gathering((lines) => callbackAuditSink({ write: (_record, line) => void lines.push(line) }))],
  ['standard output', () => gathering((lines) => stdoutAuditSink({ stream: streamOf(lines) }))],
  [
    'OpenTelemetry',
    () => gathering((lines) => otelAuditSink({ logger: { emit: ({ body }) => void lines.push(body) } })),
  ],
  ['files', inFiles],
  ['SQLite', inSqlite],
  ['withDeadline', () => inMemory((sink) => withDeadline(sink))],
  ['withHealth', () => inMemory((sink) => withHealth(sink))],
  ['allOf', () => inMemory((sink) => allOf([sink, memoryAuditSink()]))],
  ['anyOf', () => inMemory((sink) => anyOf([sink], { onFailure }))],
  ['bestEffort', () => inMemory((sink) => allOf([sink, bestEffort(memoryAuditSink(), { onFailure })]))],
]

/** A confirmed event is in the log of any sink, with its confirmed contents. */
export function confirmedEvents({ numRuns, seed, title }: Runs): void {
  it.each(places)(
    `LOG-10 is read back and verified, whatever its keys and values are: %s, ${title} [attack 80]`,
    async (_name, open) => {
      const [log, confirmed] = [await open(), [] as Confirmation[]]
      await fc.assert(
        fc.asyncProperty(hostileEvent, async (event) => {
          const answer = log.sink.append(event, {})
          // The caller goes on to use what it handed over.
          spoil(event)
          try {
            confirmed.push(await answer)
          } catch (error) {
            expect(error).toBeInstanceOf(ProcuraError)
          }
        }),
        { numRuns, seed },
      )
      expect(confirmed.length).toBeGreaterThan(numRuns / 4)
      const logged: number[] = []
      for await (const page of log.sink.history?.newestFirst({}) ?? []) {
        for (const { sequence } of page) logged.push(sequence)
      }
      if (log.sink.history !== undefined) expect(logged).toEqual(confirmed.map(({ sequence }) => sequence).reverse())
      await log.sink.close()
      const lines = await log.lines()
      const last = confirmed.at(-1)
      const head = { sequence: last?.sequence, hash: last?.hash }
      expect(await verifyAuditLog(lines)).toEqual({ valid: true, records: confirmed.length, head, covered: 0 })
      expect(lines.map((line) => parseRecord(line).hash)).toEqual(confirmed.map(({ hash }) => hash))
    },
  )
}

function inMemory(wrap: (sink: AuditSink) => AuditSink): Log {
  const memory = memoryAuditSink()
  return { sink: wrap(memory), lines: memory.lines }
}

function gathering(make: (lines: string[]) => AuditSink): Log {
  const lines: string[] = []
  return { sink: make(lines), lines: () => lines }
}

async function inFiles(): Promise<Log> {
  const directory = temporaryDirectory()
  const lines = async (): Promise<string[]> => {
    const read: string[] = []
    for await (const line of readJsonlLines({ directory })) read.push(line)
    // A log that cannot be read stays shut.
    await (await openJsonlAuditSink({ directory })).close()
    return read
  }
  return { sink: await openJsonlAuditSink({ directory, sync: 'none', maxBytes: 65_536 }), lines }
}

async function inSqlite(): Promise<Log> {
  const path = join(temporaryDirectory(), 'audit.db')
  return {
    sink: sqliteAuditSink({ database: openDatabase(path) }),
    lines: () => [...readSqliteLines(openDatabase(path))],
  }
}

function streamOf(lines: string[]): { write(text: string, done: () => void): boolean } {
  return {
    write(text, done) {
      lines.push(text.slice(0, -1))
      done()
      return true
    },
  }
}

/** Changes everything in a value that can be changed. */
function spoil(value: unknown): void {
  if (value instanceof Uint8Array) value.fill(0xaa)
  if (typeof value !== 'object' || value === null || value instanceof CID) return
  for (const inner of Object.values(value)) spoil(inner)
  if (Array.isArray(value)) value.push('spoilt')
  else if (!(value instanceof Uint8Array)) Object.assign(value, { spoilt: 'spoilt' })
}
