/**
 * A log in PostgreSQL. The pool is described by its shape, which `pg` has.
 *
 * @module
 */

import { backend as platform } from '#backend'
import { ArgumentError, AuditError } from '../../../errors.ts'
import {
  callback,
  integerFrom,
  maybe,
  nonEmptyString,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import type { EventDraft, RecordHashing } from '../../events/draft.ts'
import { parseRecord, type Sha256 } from '../../events/record.ts'
import { auditHistory, type LoggedEvent } from '../../history.ts'
import type { AuditSink } from '../../sink.ts'
import { batchedLog } from '../batched-log.ts'
import type { Written } from '../group-commit.ts'
import { assertTableName } from '../table-name.ts'
import { type PostgresPool, type PostgresQueryable, withConnection } from './pool.ts'
import { type PostgresLog, writeBatch } from './write-batch.ts'

/** Options of {@link postgresAuditSink}. */
export interface PostgresAuditSinkOptions {
  /** A pool of connections. Its owner ends it. */
  readonly pool: PostgresPool
  /** Default `audit_log`; `schema.table` is possible. {@link postgresAuditSchema} creates it. */
  readonly table?: string
  /** Most records of one transaction. Default 500. */
  readonly maxBatch?: number
  /** The name in messages. Default `postgres`. */
  readonly name?: string
  /** Default: the platform's. */
  readonly sha256?: Sha256
}

const optionChecks = Object.freeze({
  pool: withMethod('connect'),
  table: withDefault(nonEmptyString, 'audit_log'),
  maxBatch: withDefault(integerFrom(1), 500),
  name: withDefault(nonEmptyString, 'postgres'),
  sha256: maybe(callback),
}) satisfies OptionChecks<PostgresAuditSinkOptions>

/** The options of a sink, with their defaults. */
type PostgresSettings = Required<Omit<PostgresAuditSinkOptions, 'sha256'>> & Pick<PostgresAuditSinkOptions, 'sha256'>

/**
 * Writes records into a table. Writers take turns by a lock, so any number of them write one chain. Events that arrive
 * while a transaction runs share the next one. AUD-19
 *
 * If the connection is lost during a commit, the record may exist although it is not confirmed: an intent without an
 * outcome. A missing table fails the first event; {@link openPostgresAuditSink} checks for it before.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function postgresAuditSink(options: PostgresAuditSinkOptions): AuditSink {
  return sinkOf(readOptions('postgresAuditSink', options, optionChecks))
}

function sinkOf({ pool, table, maxBatch, name, sha256 }: PostgresSettings): AuditSink {
  assertTableName(table, 2)
  const hashing: RecordHashing = sha256 === undefined ? platform : { sha256 }
  const log: PostgresLog = { table, name, hashing, last: undefined, alone: true }

  async function write(events: readonly EventDraft[]): Promise<Written> {
    try {
      return await withConnection(pool, (connection) => writeBatch(connection, log, events))
    } catch (cause) {
      if (!isRefusal(cause)) throw cause
      // The server rolled back, and does not report which record it refused.
      return events.length === 1 ? [unwritten(name, cause)] : write(events.slice(0, events.length / 2))
    }
  }

  const { append, close } = batchedLog(hashing, {
    name,
    durability: 'remote',
    maxBatch,
    write,
    unwritten: (cause) => unwritten(name, cause),
  })
  const history = auditHistory({ inherited: 0, newestFirst: () => newestFirst(pool, table) })
  return Object.freeze({ name, append, close, history })
}

/**
 * Whether the server refused the values of a statement, so that the transaction had no effect: SQLSTATE classes 22
 * (data exception), 23 (constraint violation), 54 (program limit) and `P0001`, the error of a trigger.
 */
function isRefusal(cause: unknown): boolean {
  const { code } = Object(cause) as { readonly code?: unknown }
  return typeof code === 'string' && /^(?:(?:22|23|54)[0-9A-Z]{3}|P0001)$/.test(code)
}

function unwritten(name: string, cause: unknown): AuditError {
  return new AuditError('ERR_AUDIT_UNCONFIRMED', `the database ${quote(name)} did not take a record`, { cause })
}

async function* newestFirst(pool: PostgresPool, table: string): AsyncGenerator<readonly LoggedEvent[], void> {
  const select = `SELECT line FROM ${table} WHERE sequence < $1 ORDER BY sequence DESC LIMIT 500`
  for (let next = Number.MAX_SAFE_INTEGER; next > 1; ) {
    const { rows } = await withConnection(pool, (connection) => connection.query(select, [next]))
    const records = rows.map((row) => parseRecord((row as { readonly line: string }).line))
    if (records.length === 0) return
    yield records
    next = records.at(-1)?.sequence ?? 0
  }
}

/**
 * Makes the sink of {@link postgresAuditSink} after a test that the server lets it write the log. So a missing table or
 * permission is found at the start, and not by the first call.
 *
 * @throws ArgumentError when an option is invalid; AuditError `ERR_AUDIT_CONFIGURATION`, with the remedy.
 * @example
 * ```ts
 * import { openPostgresAuditSink } from 'procura/audit/postgres'
 *
 * const sink = await openPostgresAuditSink({ pool }) // a `Pool` of the package `pg`
 * ```
 */
export async function openPostgresAuditSink(options: PostgresAuditSinkOptions): Promise<AuditSink> {
  const given = readOptions('openPostgresAuditSink', options, optionChecks)
  const { pool, table, name } = given
  const sink = sinkOf(given)
  const unusable = (what: string, cause?: unknown): AuditError =>
    new AuditError('ERR_AUDIT_CONFIGURATION', `the log ${quote(table)} of ${quote(name)} ${what}`, { cause })
  let rows: readonly unknown[]
  try {
    const parameters = [table, `${table}_turn`]
    rows = (await withConnection(pool, (connection) => connection.query(capability, parameters))).rows
  } catch (cause) {
    throw unusable('cannot be tested, because a query failed; let `pool` reach the server', cause)
  }
  const found = rows[0] as { readonly there: boolean; readonly allowed: boolean; readonly read_only: boolean }
  if (!found.there) throw unusable('does not exist; run the SQL of postgresAuditSchema')
  if (!found.allowed) throw unusable('may not be read or appended to by this role; pass `role` to postgresAuditSchema')
  if (found.read_only) throw unusable('is on a read-only server; connect to the primary')
  return sink
}

const capability = `
  SELECT to_regclass($2) IS NOT NULL AND EXISTS (
      SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'outcome_of' AND NOT attisdropped
    ) AS there,
    CASE WHEN to_regclass($1) IS NULL OR to_regclass($2) IS NULL THEN false
      ELSE has_table_privilege(to_regclass($1), 'SELECT') AND has_table_privilege(to_regclass($1), 'INSERT')
        AND has_table_privilege(to_regclass($2), 'UPDATE')
    END AS allowed,
    current_setting('transaction_read_only')::boolean AS read_only`

/**
 * The lines of a log in PostgreSQL, oldest first: for `verifyAuditLog`.
 *
 * @param after - the number of a record, after which the reading begins. Default 0, the whole log.
 * @throws ArgumentError when `table` or `after` is invalid.
 */
export async function* readPostgresLines(
  connection: PostgresQueryable,
  table = 'audit_log',
  after = 0,
): AsyncGenerator<string, void> {
  assertTableName(table, 2)
  const fault = integerFrom(0)(after)
  if (fault !== undefined) throw new ArgumentError(`readPostgresLines: \`after\` ${fault}`)
  const select = `SELECT sequence, line FROM ${table} WHERE sequence > $1 ORDER BY sequence LIMIT 1000`
  let reached = after
  for (;;) {
    const { rows } = await connection.query(select, [reached])
    if (rows.length === 0) return
    for (const row of rows as readonly { readonly sequence: string; readonly line: string }[]) {
      reached = Number(row.sequence)
      yield row.line
    }
  }
}
