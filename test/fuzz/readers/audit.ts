// node only: reads files
/**
 * Readers of records, logs, checkpoints and spools.
 *
 * @module
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toOcsf } from '../../../src/audit/events/ocsf.ts'
import { formatRecord, parseRecord } from '../../../src/audit/events/record.ts'
import { openPersonal, sealPersonal } from '../../../src/audit/privacy/personal.ts'
import { memoryPersonalKeyStore } from '../../../src/audit/privacy/personal-key-store.ts'
import { findOpenIntents } from '../../../src/audit/recovery/find-open-intents.ts'
import { openJsonlAuditSink } from '../../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { readJsonlLines, readJsonlRecords } from '../../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { readSqliteLines, sqliteAuditSink } from '../../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { type Checkpoint, signCheckpoint, verifyCheckpoint } from '../../../src/audit/verify/checkpoint.ts'
import { verifyAuditLog } from '../../../src/audit/verify/verify-audit-log.ts'
import { parseDidKey } from '../../../src/core/did/did-key.ts'
import {
  type PostgresPool,
  type PostgresQueryable,
  postgresAuditSink,
  readPostgresLines,
} from '../../../src/entries/audit/postgres.ts'
import { ArgumentError, AuditError, MalformedError } from '../../../src/errors.ts'
import type { SqliteDatabase } from '../../../src/support/sqlite.ts'
import { denied, id, intent, outcome } from '../../audit/events.ts'
import { actor, now } from '../../support/actors.ts'
import { mutateBytes, mutateText, mutateValue, oddJson } from '../mutate.ts'
import type { Random } from '../random.ts'
import { type Reader, reader } from '../reader.ts'

const keys = memoryPersonalKeyStore()
const personal = await sealPersonal({ to: 'ann@example.com' }, id(5), { key: 'ann', keys })
const sink = memoryAuditSink()
for (const event of [
  intent(1),
  outcome(2, 1),
  denied(3),
  intent(4, { args: { to: { shown: 'x' } } } as never),
  { ...intent(5), personal },
]) {
  await sink.append(event as never, {})
}
const records = sink.records()
const lines = sink.lines()
const signer = await actor('alice')
const last = records.at(-1) as (typeof records)[number]
const position = { sequence: last.sequence, hash: last.hash }
const checkpoint = await signCheckpoint({ signer, log: 'mail', position, time: now })
const signers = [{ did: signer.did, key: parseDidKey(signer.did) }]

/** A record with a fault, encoded again, because a record that is not canonical is refused early. */
function hostileRecord(random: Random): unknown {
  return mutateValue(JSON.parse(random.pick(lines)), random, oddJson)
}

function hostileLine(random: Random): string {
  if (random.once(3)) return mutateText(random.pick(lines), random)
  const value = hostileRecord(random) as never
  try {
    return random.once(2) ? formatRecord(value) : JSON.stringify(value)
  } catch {
    return String(JSON.stringify(value))
  }
}

/** A log in which a line is another, missing, or there twice. */
function hostileLines(random: Random): readonly string[] {
  const at = random.below(lines.length)
  const changed = [...lines]
  const kind = random.below(4)
  if (kind === 0) changed.splice(at, 1)
  else if (kind === 1) changed.splice(at, 0, random.pick(lines))
  else changed[at] = hostileLine(random)
  return changed
}

/** The event of a record that was read, whatever it holds. */
function hostileEvent(random: Random): never {
  const changed = mutateValue({ ...random.pick(records).event }, random, oddJson)
  return (
    typeof changed === 'object' && changed !== null && !Array.isArray(changed) ? changed : { kind: changed }
  ) as never
}

/** Runs over a folder with these files, which is removed afterwards. */
async function inFolder<T>(
  files: Readonly<Record<string, Uint8Array | string>>,
  run: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'procura-fuzz-'))
  try {
    mkdirSync(directory, { recursive: true })
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content, { mode: 0o600 })
    return await run(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function hostileFile(random: Random): Uint8Array {
  const text = `${hostileLines(random).join('\n')}${random.once(3) ? '' : '\n'}`
  const bytes = Buffer.from(text)
  return random.once(3) ? mutateBytes(bytes, random) : bytes
}

/** Rows whose columns hold anything that a column can hold. */
function hostileRows(random: Random): readonly Row[] {
  return records.map((record, at) => {
    const row = { sequence: record.sequence, hash: record.hash, line: lines[at] as string }
    const odd = random.once(4) ? null : random.once(4) ? random.bytes(8) : mutateText(hostileLine(random), random)
    return random.once(3) ? { ...row, [random.pick(['sequence', 'hash', 'line'])]: odd } : row
  })
}

type Row = Readonly<Record<'sequence' | 'hash' | 'line', unknown>>

/** A database that gives these rows, whatever it is asked. */
function sqliteOf(rows: readonly Row[]): SqliteDatabase {
  let pages = [rows, []]
  const next = (): readonly Row[] => {
    const [page = [], ...others] = pages
    pages = others
    return page
  }
  const statement = (all: () => readonly unknown[]) => ({ run: () => undefined, all })
  // A table of that name is there, and no intent of the log has an outcome.
  return {
    exec: () => undefined,
    prepare: (sql) =>
      statement(sql.includes('LIMIT 1000') ? next : () => (sql.includes('outcome_of = ?') ? [] : rows.slice(-1))),
  }
}

function postgresOf(rows: readonly Row[]): PostgresPool & PostgresQueryable {
  let given = false
  const query = async (text: string): Promise<{ readonly rows: readonly Row[] }> => {
    if (!/SELECT/i.test(text) || given) return { rows: [] }
    given = text.includes('line')
    return { rows }
  }
  return { query, connect: async () => ({ query, release: () => undefined }) }
}

const first = '0000000000000001'

/** All of them. */
export const auditReaders: readonly Reader[] = [
  reader({ of: 'audit/verify parseRecord', input: hostileLine, read: parseRecord, errors: [MalformedError] }),
  reader({
    of: 'audit/verify verifyAuditLog',
    input: hostileLines,
    read: (hostile) => verifyAuditLog(hostile),
    errors: [],
  }),
  reader({
    of: 'audit/verify verifyAuditLog, with checkpoints',
    input: hostileLines,
    read: (hostile) => verifyAuditLog(hostile, { checkpoints: [checkpoint], signers, log: 'mail', head: position }),
    errors: [],
  }),
  reader({
    of: 'audit/verify verifyCheckpoint',
    input: (random) => mutateValue({ ...checkpoint }, random, oddJson),
    read: (hostile) => verifyCheckpoint(hostile as Checkpoint, { signers }),
    errors: [],
  }),
  reader({
    of: 'audit/privacy openPersonal',
    input: (random) => mutateValue({ ...intent(5), personal }, random, oddJson),
    read: (event) => openPersonal(event as never, { keys }),
    errors: [AuditError, ArgumentError],
  }),
  reader({
    of: 'audit toOcsf',
    input: hostileEvent,
    read: (event) => toOcsf({ ...last, event }, { product: { name: 'p', vendorName: 'v' } }),
    errors: [ArgumentError, AuditError],
  }),
  reader({
    of: 'audit/verify findOpenIntents',
    input: (random) => [...records, { ...last, event: hostileEvent(random) }],
    read: (hostile) => findOpenIntents(hostile as never),
    errors: [ArgumentError, AuditError],
  }),
  reader({
    of: 'audit/jsonl readJsonlLines',
    input: hostileFile,
    read: (file) =>
      inFolder({ [`audit-${first}.jsonl`]: file }, async (directory) => verifyAuditLog(readJsonlLines({ directory }))),
    errors: [AuditError],
    costs: 4,
  }),
  reader({
    of: 'audit/jsonl readJsonlRecords',
    input: hostileFile,
    read: (file) =>
      inFolder({ [`audit-${first}.jsonl`]: file }, async (directory) => {
        for await (const record of readJsonlRecords({ directory })) formatRecord(record)
      }),
    errors: [AuditError, MalformedError],
    costs: 4,
  }),
  reader({
    of: 'audit/jsonl openJsonlAuditSink',
    input: hostileFile,
    read: (file) =>
      inFolder({ [`audit-${first}.jsonl`]: file }, async (directory) => {
        const opened = await openJsonlAuditSink({ directory })
        await opened.append(intent(9), {}).finally(() => opened.close())
      }),
    errors: [AuditError],
    costs: 12,
  }),
  reader({
    of: 'audit/sqlite readSqliteLines',
    input: hostileRows,
    read: (rows) => verifyAuditLog(readSqliteLines(sqliteOf(rows))),
    errors: [],
  }),
  reader({
    of: 'audit/sqlite sqliteAuditSink',
    input: hostileRows,
    read: (rows) => sqliteAuditSink({ database: sqliteOf(rows) }).append(intent(9), {}),
    errors: [AuditError],
  }),
  reader({
    of: 'audit/postgres readPostgresLines',
    input: hostileRows,
    read: (rows) => verifyAuditLog(readPostgresLines(postgresOf(rows))),
    errors: [],
  }),
  reader({
    of: 'audit/postgres postgresAuditSink',
    input: hostileRows,
    read: (rows) => postgresAuditSink({ pool: postgresOf(rows) }).append(intent(9), {}),
    errors: [AuditError],
  }),
]
