/**
 * A log in SQLite. The database is described by its shape: better-sqlite3, `node:sqlite`, `bun:sqlite` and
 * node-sqlite3-wasm have it.
 *
 * @module
 */

import { backend as platform } from '#backend'
import { callback, maybe, nonEmptyString, readOptions, withDefault, withMethod } from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { prepare, type SqliteDatabase, whenFree } from '../../../support/sqlite.ts'
import { setUp } from '../../configuration.ts'
import type { EventDraft, RecordHashing } from '../../events/draft.ts'
import { parseRecord, type Sha256 } from '../../events/record.ts'
import { auditHistory, type LoggedEvent } from '../../history.ts'
import type { AuditSink } from '../../sink.ts'
import { batchedLog } from '../batched-log.ts'
import { assertTableName } from '../table-name.ts'
import { assertWritable, makeTable, waitingForWriters } from './schema.ts'
import { takingTurns } from './taking-turns.ts'
import { longestBusyMs, whileBusy } from './while-busy.ts'
import { type SqliteLog, unwritten, writeBatch } from './write-batch.ts'

/** Most records of one transaction. It blocks the process for as long as it takes to write them. */
const maxBatch = 256

/** Options of {@link sqliteAuditSink}. */
export interface SqliteAuditSinkOptions {
  /**
   * An open database. The sink sets its `synchronous` to `FULL`; its owner closes it.
   *
   * If several processes write to the log, open it with a busy timeout of 0 (`{ timeout: 0 }`, the default of
   * `node:sqlite` and not of better-sqlite3): the sink then waits for the others by itself, without blocking the
   * process.
   */
  readonly database: SqliteDatabase
  /** Default `audit_log`. It is created if it does not exist. */
  readonly table?: string
  /** The name in messages. Default `sqlite`. */
  readonly name?: string
  /** Default: the platform's. */
  readonly sha256?: Sha256
}

/**
 * Writes records into a table whose rows no statement can change, remove or replace. Events that arrive in one turn of
 * the event loop share a transaction, which reads the record before them, so that several processes can write to one
 * log. AUD-18
 *
 * @throws ArgumentError when an option is invalid; AuditError `ERR_AUDIT_CONFIGURATION` when the database cannot be
 *   written.
 * @example
 * ```ts
 * import { sqliteAuditSink } from 'procura/audit/sqlite'
 *
 * const sink = sqliteAuditSink({ database }) // a `DatabaseSync` of `node:sqlite`, or a `Database` of `better-sqlite3`
 * ```
 */
export function sqliteAuditSink(options: SqliteAuditSinkOptions): AuditSink {
  const given = readOptions('sqliteAuditSink', options, {
    database: withMethod('prepare'),
    table: withDefault(nonEmptyString, 'audit_log'),
    name: withDefault(nonEmptyString, 'sqlite'),
    sha256: maybe(callback),
  })
  const { database, table, name, sha256 } = given
  assertTableName(table)
  const statements = setUp(
    `\`database\` ${quote(name)} cannot hold the table ${quote(table)}; open it for writing`,
    () => waitingForWriters(database, () => prepareLog(database, table)),
  )
  const hashing: RecordHashing = sha256 === undefined ? platform : { sha256 }
  const log: SqliteLog = {
    database,
    name,
    hashing,
    ...statements,
    known: undefined,
    othersAt: Number.NEGATIVE_INFINITY,
  }
  const { append, close } = batchedLog(hashing, {
    name,
    durability: 'disk',
    maxBatch,
    write: whileBusy(takingTurns(log, (events: readonly EventDraft[]) => writeBatch(log, events))),
    unwritten: (cause) => unwritten(name, cause),
  })
  const history = auditHistory({ inherited: 0, newestFirst: () => newestFirst(database, table) })
  return Object.freeze({ name, append, close, history })
}

function prepareLog(database: SqliteDatabase, table: string): Pick<SqliteLog, 'last' | 'ended' | 'insert'> {
  database.exec('PRAGMA synchronous = FULL')
  makeTable(database, table)
  assertWritable(database, table)
  return {
    last: prepare(database, `SELECT sequence, hash FROM ${table} ORDER BY sequence DESC LIMIT 1`),
    ended: prepare(database, `SELECT sequence FROM ${table} WHERE outcome_of = ?`),
    insert: prepare(
      database,
      `INSERT INTO ${table} (sequence, hash, previous, line, outcome_of) VALUES (?, ?, ?, ?, nullif(?, ''))`,
    ),
  }
}

async function* newestFirst(database: SqliteDatabase, table: string): AsyncGenerator<readonly LoggedEvent[], void> {
  const text = `SELECT sequence, line FROM ${table} WHERE sequence < ? ORDER BY sequence DESC LIMIT 500`
  const page = await whenFree(() => prepare(database, text), longestBusyMs)
  for (let next = Number.MAX_SAFE_INTEGER; next > 1; ) {
    const from = next
    const rows = (await whenFree(() => page.all(from), longestBusyMs)) as readonly { readonly line: string }[]
    if (rows.length === 0) return
    const records = rows.map(({ line }) => parseRecord(line))
    yield records
    next = records.at(-1)?.sequence ?? 0
    // A page blocks the process. The next one waits until other tasks had their turn.
    await new Promise((resolve) => setTimeout(resolve))
  }
}

/**
 * The lines of a log in SQLite, oldest first: for `verifyAuditLog`.
 *
 * @param after - the sequence number after which the lines begin. Default 0: all lines.
 */
export function* readSqliteLines(
  database: SqliteDatabase,
  table: string = 'audit_log',
  after: number = 0,
): Generator<string, void> {
  assertTableName(table)
  const page = prepare(database, `SELECT sequence, line FROM ${table} WHERE sequence > ? ORDER BY sequence LIMIT 1000`)
  let reached = after
  for (;;) {
    const rows = page.all(reached) as readonly { readonly sequence: number | bigint; readonly line: string }[]
    if (rows.length === 0) return
    for (const { line } of rows) yield line
    reached = Number(rows.at(-1)?.sequence)
  }
}
