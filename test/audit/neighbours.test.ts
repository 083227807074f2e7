import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import type { AuditSink, Confirmation } from '../../src/audit/sink.ts'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { postgresAuditSink } from '../../src/audit/sinks/postgres/postgres-audit-sink.ts'
import { sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { intent, outcome } from './events.ts'
import { temporaryDirectory } from './jsonl/temporary.ts'
import { openDatabase } from './open-database.ts'

const temporaryDatabase = () => openDatabase(join(temporaryDirectory(), 'audit.db'))
const connection = { query: async () => ({ rows: [] }), release: () => undefined }

const sinks: readonly (readonly [name: string, make: () => AuditSink | Promise<AuditSink>])[] = [
  ['memory', () => memoryAuditSink()],
  ['files', () => openJsonlAuditSink({ directory: temporaryDirectory() })],
  ['SQLite', () => sqliteAuditSink({ database: temporaryDatabase() })],
  ['PostgreSQL', () => postgresAuditSink({ pool: { connect: async () => connection } })],
]

type Options = Parameters<AuditSink['append']>[1]
type Given = readonly [event: AuditEvent, options: Options]

/** Appends one event between others of the same turn. Without an answer, the code is `none`. */
async function between(sink: AuditSink, [event, options]: Given): Promise<(string | undefined)[]> {
  const others = (from: number): Promise<Confirmation>[] => [from, from + 1].map((i) => sink.append(intent(i), {}))
  const appended = [...others(1), sink.append(event, options), ...others(4)]
  const codes = await Promise.all(
    appended.map((one) =>
      Promise.race([
        one.then(
          () => 'confirmed',
          (error: { readonly code?: string; readonly name: string }) => error.code ?? error.name,
        ),
        new Promise<string>((resolve) => setTimeout(resolve, 500, 'none')),
      ]),
    ),
  )
  await sink.close()
  return codes
}

const throwing = (): never => {
  throw new Error('the signal of one caller')
}
const hostile: readonly (readonly [name: string, given: Given, code: string])[] = [
  ...[['x'], { x: 1 }, 1, true].map(
    (of) =>
      [
        `with an intent of the type ${typeof of}`,
        [outcome(3, 1, { intent: of as unknown as string }), {}],
        'ERR_INVALID_ARGUMENT',
      ] as const,
  ),
  ['with options that throw', [intent(3), Object.defineProperty({}, 'signal', { get: throwing })], 'Error'],
  ['with a key that UTF-8 cannot encode', [{ ...intent(3), '\ud800': 1 } as AuditEvent, {}], 'ERR_INVALID_ARGUMENT'],
  [
    'with such a key in a field',
    [intent(3, { personal: { '\udfff': 'x' } } as unknown as object), {}],
    'ERR_INVALID_ARGUMENT',
  ],
]

describe.each(sinks)('an event of a plain program in %s', (_name, make) => {
  it.each(hostile)('AUD-01 LOG-10 is refused alone: %s', async (_case, given, code) => {
    const rest = ['confirmed', 'confirmed']
    expect(await between(await make(), given)).toEqual([...rest, code, ...rest])
  })

  it('AUD-01 is refused alone: with a signal that throws', async () => {
    const signal = Object.defineProperty({}, 'aborted', { get: throwing }) as AbortSignal
    const codes = await between(await make(), [intent(3), { signal }])
    expect(codes.toSpliced(2, 1)).toEqual(Array(4).fill('confirmed'))
    expect(['confirmed', 'none']).not.toContain(codes[2])
  })

  it('AUD-01 is refused if `close` was called before it was prepared', async () => {
    const sink = await make()
    // The hash of the rest of the text is waited for.
    const appended = sink.append(intent(1, { trace: 'x'.repeat(1_000) }), {})
    const settled = appended.then(
      () => 'confirmed',
      (error: { readonly code: string }) => error.code,
    )
    await sink.close()
    expect(await settled).toBe('ERR_AUDIT_CLOSED')
  })

  it('AUD-01 has the signal that was passed to `append`, whatever becomes of the options', async () => {
    const sink = await make()
    const options: { signal?: AbortSignal } = { signal: AbortSignal.abort(new Error('gone')) }
    const gone = sink.append(intent(1), options)
    options.signal = new AbortController().signal
    const wanted = sink.append(intent(2), options)
    options.signal = AbortSignal.abort(new Error('another call'))
    expect(await Promise.allSettled([gone, wanted])).toMatchObject([
      { reason: { code: 'ERR_AUDIT_UNCONFIRMED', cause: { message: 'gone' } } },
      { value: { sequence: 1 } },
    ])
    await sink.close()
  })
})

describe('an event whose hash fails', () => {
  it.each([
    ['AUD-18', 'SQLite', (sha256) => sqliteAuditSink({ database: temporaryDatabase(), sha256 })],
    ['AUD-19', 'PostgreSQL', (sha256) => postgresAuditSink({ pool: { connect: async () => connection }, sha256 })],
  ] as readonly (readonly [string, string, (sha256: () => Uint8Array) => AuditSink])[])(
    '%s is refused alone in %s',
    async (_id, _name, make) => {
      let count = 0
      const sha256 = (): Uint8Array => {
        if (++count === 3) throw new Error('the module is busy')
        return new Uint8Array(32).fill(count)
      }
      const rest = ['confirmed', 'confirmed']
      expect(await between(make(sha256), [intent(3), {}])).toEqual([...rest, 'ERR_AUDIT_UNCONFIRMED', ...rest])
    },
  )
})
