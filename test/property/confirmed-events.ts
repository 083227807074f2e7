import { join } from 'node:path'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { expect, it } from 'vitest'
import { allOf } from '../../src/audit/combine/all-of.ts'
import { anyOf } from '../../src/audit/combine/any-of.ts'
import { bestEffort } from '../../src/audit/combine/best-effort.ts'
import { withDeadline } from '../../src/audit/combine/with-deadline.ts'
import { withHealth } from '../../src/audit/combine/with-health.ts'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import { parseRecord } from '../../src/audit/events/record.ts'
import type { AuditSink, Confirmation } from '../../src/audit/sink.ts'
import { callbackAuditSink } from '../../src/audit/sinks/callback-audit-sink.ts'
import { openHttpAuditSink } from '../../src/audit/sinks/http/http-audit-sink.ts'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { readJsonlLines } from '../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { otelAuditSink } from '../../src/audit/sinks/otel-audit-sink.ts'
import { readSqliteLines, sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { stdoutAuditSink } from '../../src/audit/sinks/stdout-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { ProcuraError } from '../../src/errors.ts'
import { id, intent } from '../audit/events.ts'
import { temporaryDirectory } from '../audit/jsonl/temporary.ts'
import { openDatabase } from '../audit/open-database.ts'
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
  ['the spool of the http sink', inSpool],
  ['withDeadline', () => inMemory((sink) => withDeadline(sink))],
  ['withHealth', () => inMemory((sink) => withHealth(sink))],
  ['allOf', () => inMemory((sink) => allOf([sink, memoryAuditSink()]))],
  ['anyOf', () => inMemory((sink) => anyOf([sink], { onFailure }))],
  ['bestEffort', () => inMemory((sink) => allOf([sink, bestEffort(memoryAuditSink(), { onFailure })]))],
]

/** What any sink confirms is there afterwards, as it was confirmed. */
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

/** Nothing is delivered, so that everything is there to be read. */
async function inSpool(): Promise<Log> {
  const directory = temporaryDirectory()
  const away = (): Promise<Response> => Promise.reject(new Error('no route'))
  const lines = async (): Promise<string[]> => {
    const read: string[] = []
    for await (const line of readJsonlLines({ directory, prefix: 'spool' })) read.push(line)
    return read
  }
  const sink = await openHttpAuditSink({ url: 'https://log.example/', directory, sync: 'none', fetch: away })
  return { sink, lines }
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

const versionZero = CID.parse('QmVkqaunyKCw4NKmWXbsGhkr5CotM8vCBKWyxsh8FGZyfr')
const carrying = CID.createV1(0x55, identity.digest(new Uint8Array(100)))

const hostileKey = fc.oneof(
  fc.constantFrom(
    '/',
    '__proto__',
    'constructor',
    'toJSON',
    'toString',
    'bytes',
    'then',
    'args',
    'hash',
    '',
    'a\ud800',
  ),
  fc.constantFrom('a\nb', '\u2028', 'x'.repeat(100), '\ud83d'.repeat(70), '0', '[cut]'),
  fc.string({ unit: 'binary', maxLength: 80 }),
)

const hostileLeaf = fc.oneof(
  fc.constantFrom<unknown>(null, true, undefined, -0, 2 ** 53, -(2 ** 60), 1e300, 5e-324, 0.1, Number.NaN, -Infinity),
  fc.constantFrom<unknown>(10n, Symbol('s'), new Date(0), new Map([['a', 1]]), versionZero, carrying, () => 1),
  fc.constantFrom<unknown>('\ud800', '"}\n{"sequence":2}', '\u009b2J', 'a'.repeat(600), '😀'.repeat(300)),
  fc.double(),
  fc.string({ unit: 'binary', maxLength: 600 }),
  fc.uint8Array({ maxLength: 60 }),
  fc.integer({ min: 1, max: 40 }).map((levels) => {
    let value: unknown = 'deep'
    for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value }
    return value
  }),
)

const mapOf = (value: fc.Arbitrary<unknown>): fc.Arbitrary<object> =>
  fc.array(fc.tuple(hostileKey, value), { maxLength: 5 }).map(ownFields)

const hostileValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    { weight: 4, arbitrary: hostileLeaf },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 5 }) },
    { weight: 1, arbitrary: fc.array(fc.constant('x'), { minLength: 60, maxLength: 70 }) },
    { weight: 2, arbitrary: mapOf(tie('value')) },
  ),
})).value

const kinds = ['intent', 'outcome', 'denied', 'issued', 'released', 'revoked', 'recovered', 'checkpoint']

/** Events as no type lets them be: what `append` gets from JavaScript. One in two has nothing but hostile arguments. */
const hostileEvent: fc.Arbitrary<AuditEvent> = fc
  .tuple(
    fc.constantFrom(...kinds),
    fc.option(mapOf(hostileValue), { nil: {} }),
    fc.oneof({ weight: 9, arbitrary: mapOf(hostileValue) }, { weight: 1, arbitrary: hostileValue }),
  )
  .map(([kind, more, args]) => {
    const fields = ownFields([...Object.entries(intent(1)), ['args', args], ...Object.entries(more)])
    return ownFields([...Object.entries(fields), ['kind', kind], ['id', id(1)], ['time', 1]]) as AuditEvent
  })

/** An object with these fields of its own, also when one is called `__proto__`. */
function ownFields(fields: readonly (readonly [key: string, value: unknown])[]): object {
  const object = {}
  for (const [key, value] of fields) {
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true })
  }
  return object
}

/** Changes everything in a value that can be changed. */
function spoil(value: unknown): void {
  if (value instanceof Uint8Array) value.fill(0xaa)
  if (typeof value !== 'object' || value === null || value instanceof CID) return
  for (const inner of Object.values(value)) spoil(inner)
  if (Array.isArray(value)) value.push('spoilt')
  else if (!(value instanceof Uint8Array)) Object.assign(value, { spoilt: 'spoilt' })
}
