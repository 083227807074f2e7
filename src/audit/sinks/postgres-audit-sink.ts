/**
 * A log in PostgreSQL. The pool is described by its shape: the one of `pg` has it.
 *
 * @module
 */

import { backend as platform } from '#backend'
import { AuditError } from '../../errors.ts'
import type { IpldMap } from '../../ipld/value.ts'
import { callback, integerFrom, maybe, nonEmptyString, readOptions, withMethod } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { type AuditEvent, intentEndedBy, intentNamedBy } from '../events/event.ts'
import { prepareEvent } from '../events/prepare-event.ts'
import {
  type AuditRecord,
  beginning,
  formatRecord,
  type LogPosition,
  makeRecord,
  parseRecord,
  type Sha256,
} from '../events/record.ts'
import { auditHistory, type LoggedEvent } from '../history.ts'
import { settled } from '../recovery/settled.ts'
import type { AuditSink, Confirmation } from '../sink.ts'
import { unconfirmed } from '../unconfirmed.ts'
import { assertTableName } from './table-name.ts'

/** What can run a query. */
export interface PostgresQueryable {
  query(text: string, parameters?: readonly unknown[]): Promise<{ readonly rows: readonly unknown[] }>
}

/** A connection that was taken out of a pool. */
export interface PostgresConnection extends PostgresQueryable {
  /** Gives it back; with an error it is thrown away. */
  release(error?: Error): void
  /** Listens for the loss of the connection while no query runs; unheard it would end the process. */
  on?(event: 'error', listener: (error: Error) => void): unknown
  /** Takes a listener away. */
  off?(event: 'error', listener: (error: Error) => void): unknown
}

/** A pool of connections. */
export interface PostgresPool {
  connect(): Promise<PostgresConnection>
}

/** Options of {@link postgresAuditSink}. */
export interface PostgresAuditSinkOptions {
  /** Its owner ends it. */
  readonly pool: PostgresPool
  /** Default `audit_log`; `schema.table` is possible. See {@link postgresAuditSchema} for how it is made. */
  readonly table?: string
  /** The most records of one transaction. Default 500. */
  readonly maxBatch?: number
  /** For messages. Default `postgres`. */
  readonly name?: string
  /** Default: the platform's. */
  readonly sha256?: Sha256
}

interface Waiting {
  readonly event: IpldMap
  readonly signal: AbortSignal | undefined
  readonly resolve: (confirmation: Confirmation) => void
  readonly reject: (cause: unknown) => void
}

/**
 * Writes records into a table. Writers take turns by a lock, so that there is one chain however many there are; events
 * that come while a transaction runs share the next one. AUD-19
 *
 * When the connection is lost while it commits, the record may be there although it is not confirmed: as an intent
 * without an outcome. Whether the table is there shows with the first event; {@link openPostgresAuditSink} asks before.
 */
export function postgresAuditSink(options: PostgresAuditSinkOptions): AuditSink {
  readOptions('audit log in PostgreSQL', options, {
    pool: withMethod('connect'),
    table: maybe(nonEmptyString),
    maxBatch: maybe(integerFrom(1)),
    name: maybe(nonEmptyString),
    sha256: maybe(callback),
  })
  const { pool, table = 'audit_log', maxBatch = 500, name = 'postgres', sha256 = platform.sha256 } = options
  assertTableName(table, 2)
  let queue: Waiting[] = []
  let running: Promise<void> | undefined
  let closed = false

  async function append(
    event: AuditEvent,
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): Promise<Confirmation> {
    if (closed) throw new AuditError('ERR_AUDIT_CLOSED', `the audit sink ${quote(name)} is closed`)
    const prepared = await prepareEvent(event, sha256)
    return new Promise<Confirmation>((resolve, reject) => {
      queue.push({ event: prepared, signal, resolve, reject })
      start()
    })
  }

  function start(): void {
    running ??= drain().finally(() => {
      running = undefined
      // What came after the last look at the queue, and before this.
      if (queue.length > 0) start()
    })
  }

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.slice(0, maxBatch).filter((waiting) => !isGivenUp(waiting))
      queue = queue.slice(maxBatch)
      if (batch.length === 0) continue
      try {
        const answers = await write(batch.map(({ event }) => event))
        for (const [index, answer] of answers.entries()) {
          if (answer instanceof AuditError) batch[index]?.reject(answer)
          else batch[index]?.resolve({ sink: name, durability: 'remote', sequence: answer.sequence, hash: answer.hash })
        }
      } catch (cause) {
        const error =
          cause instanceof AuditError
            ? cause
            : new AuditError('ERR_AUDIT_UNCONFIRMED', `the database ${quote(name)} did not take a record`, { cause })
        for (const waiting of batch) waiting.reject(error)
      }
    }
  }

  function isGivenUp({ signal, reject }: Waiting): boolean {
    if (!signal?.aborted) return false
    reject(unconfirmed(name, signal.reason))
    return true
  }

  /** Writes one record for each event, but for those about an intent that has its end on record. */
  async function write(events: readonly IpldMap[]): Promise<readonly (AuditRecord | AuditError)[]> {
    const connection = await pool.connect()
    // The query that comes next says it again, and that is when it matters.
    const onLoss = (): void => undefined
    connection.on?.('error', onLoss)
    try {
      // Each statement has to see what was committed before it, the lock being the first of them.
      await connection.query('BEGIN ISOLATION LEVEL READ COMMITTED')
      await connection.query(settings)
      // AUD-33: not an advisory lock, which every role that may connect can take
      await connection.query(`LOCK TABLE ${table}_turn IN SHARE ROW EXCLUSIVE MODE`)
      const { rows } = await connection.query(`SELECT sequence, hash FROM ${table} ORDER BY sequence DESC LIMIT 1`)
      const records: AuditRecord[] = []
      const lines: string[] = []
      const answers: (AuditRecord | AuditError)[] = []
      const ended = await readEnded(connection, events)
      let last = positionOf(rows[0])
      for (const event of events) {
        const intent = intentNamedBy(event as unknown as AuditEvent)
        const before = intent === undefined ? undefined : ended.get(intent)
        if (before !== undefined) {
          answers.push(settled(name, before))
          continue
        }
        const record: AuditRecord = await makeRecord(last, event, sha256)
        const line = lineOf(record)
        // An event that no line can carry is refused alone: the others of its transaction are of other calls.
        if (line instanceof AuditError) {
          answers.push(line)
          continue
        }
        lines.push(line)
        last = record
        const end = intentEndedBy(record.event)
        if (end !== undefined) ended.set(end, record.sequence)
        records.push(record)
        answers.push(record)
      }
      await connection.query(
        `INSERT INTO ${table} (sequence, hash, previous, line, outcome_of)
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])`,
        [
          records.map(({ sequence }) => sequence),
          records.map(({ hash }) => hash),
          records.map(({ previous }) => previous),
          lines,
          records.map(({ event }) => intentEndedBy(event) ?? null),
        ],
      )
      await connection.query('COMMIT')
      connection.off?.('error', onLoss)
      connection.release()
      return answers
    } catch (cause) {
      // The connection may be in any state: it is not used again, and the server rolls back what it had begun.
      connection.release(cause instanceof Error ? cause : new Error('the transaction failed'))
      throw cause
    }
  }

  /** The intents of a batch that have their end on record, with the number of that record. */
  async function readEnded(connection: PostgresQueryable, events: readonly IpldMap[]): Promise<Map<string, number>> {
    const intents = events.flatMap((event) => intentNamedBy(event as unknown as AuditEvent) ?? [])
    if (intents.length === 0) return new Map()
    const asked = `SELECT outcome_of, sequence FROM ${table} WHERE outcome_of = ANY($1::text[])`
    const rows = (await connection.query(asked, [intents])).rows as readonly EndedRow[]
    return new Map(rows.map((row) => [row.outcome_of, Number(row.sequence)]))
  }

  async function* newestFirst(): AsyncGenerator<readonly LoggedEvent[], void> {
    const asked = `SELECT line FROM ${table} WHERE sequence < $1 ORDER BY sequence DESC LIMIT 500`
    for (let next = Number.MAX_SAFE_INTEGER; next > 1; ) {
      const records = (await ask(pool, asked, [next])).map((row) =>
        parseRecord((row as { readonly line: string }).line),
      )
      if (records.length === 0) return
      yield records
      next = records.at(-1)?.sequence ?? 0
    }
  }

  async function close(): Promise<void> {
    closed = true
    while (running !== undefined) await running
  }

  return Object.freeze({ name, append, close, history: auditHistory({ inherited: 0, newestFirst }) })
}

interface EndedRow {
  readonly outcome_of: string
  readonly sequence: string
}

function lineOf(record: AuditRecord): string | AuditError {
  try {
    return formatRecord(record)
  } catch (error) {
    if (error instanceof AuditError) return error
    throw error
  }
}

/** Runs one query; a connection on which it failed is not used again. */
async function ask(pool: PostgresPool, text: string, parameters: readonly unknown[]): Promise<readonly unknown[]> {
  const connection = await pool.connect()
  const onLoss = (): void => undefined
  connection.on?.('error', onLoss)
  try {
    const { rows } = await connection.query(text, parameters)
    connection.off?.('error', onLoss)
    connection.release()
    return rows
  } catch (cause) {
    connection.release(cause instanceof Error ? cause : new Error('the query failed'))
    throw cause
  }
}

/**
 * Asks the server first whether the log can be written there, and makes the sink then: so that a missing table or
 * permission is found at the start, and not by the first call.
 *
 * @throws AuditError `ERR_AUDIT_CONFIGURATION`, with what to do; ArgumentError for options that are none.
 */
export async function openPostgresAuditSink(options: PostgresAuditSinkOptions): Promise<AuditSink> {
  const sink = postgresAuditSink(options)
  const { pool, table = 'audit_log', name = 'postgres' } = options
  const wrong = (what: string, cause?: unknown): AuditError =>
    new AuditError('ERR_AUDIT_CONFIGURATION', `the log ${quote(table)} of ${quote(name)} ${what}`, { cause })
  let rows: readonly unknown[]
  try {
    rows = await ask(pool, capability, [table, `${table}_turn`])
  } catch (cause) {
    throw wrong('cannot be asked about; let `pool` reach the server', cause)
  }
  const found = rows[0] as { readonly there: boolean; readonly allowed: boolean; readonly read_only: boolean }
  if (!found.there) throw wrong('is not there; run the SQL of postgresAuditSchema')
  if (!found.allowed) throw wrong('may not be read and added to by this role; give `role` to postgresAuditSchema')
  if (found.read_only) throw wrong('is on a server that is only read; connect to the one that is written')
  return sink
}

/** A writer that is suspended in the midst of a transaction would keep all others waiting; the server ends it. */
const settings = `
  SELECT set_config('synchronous_commit', 'on', true), set_config('idle_in_transaction_session_timeout', '5000', true)`

const capability = `
  SELECT to_regclass($2) IS NOT NULL AND EXISTS (
      SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'outcome_of' AND NOT attisdropped
    ) AS there,
    CASE WHEN to_regclass($1) IS NULL OR to_regclass($2) IS NULL THEN false
      ELSE has_table_privilege(to_regclass($1), 'SELECT') AND has_table_privilege(to_regclass($1), 'INSERT')
        AND has_table_privilege(to_regclass($2), 'UPDATE')
    END AS allowed,
    current_setting('transaction_read_only')::boolean AS read_only`

/** Options of {@link postgresAuditSchema}. */
export interface PostgresAuditSchemaOptions {
  /** Default `audit_log`. */
  readonly table?: string
  /** The role that the service connects as: it may read, add and take its turn, and nothing else. It must exist. */
  readonly role?: string
}

/**
 * The SQL that makes the table, to be run by its owner: once, and again after an upgrade, which changes nothing that is
 * there. A second table without columns, `<table>_turn`, is what writers lock: a lock on it needs a right on it. Rows cannot be changed or removed, not even by the owner
 * without first removing the trigger; the role of the service cannot do that.
 */
export function postgresAuditSchema(options: PostgresAuditSchemaOptions = {}): string {
  const { table = 'audit_log', role } = readOptions('postgresAuditSchema', options, {
    table: maybe(nonEmptyString),
    role: maybe(nonEmptyString),
  })
  assertTableName(table, 2)
  const rule = `${table}_unchanged`
  const grants = role === undefined ? '' : grantsTo(role, table)
  return `
CREATE TABLE IF NOT EXISTS ${table} (
  sequence bigint PRIMARY KEY,
  hash text NOT NULL UNIQUE,
  previous text NOT NULL UNIQUE,
  line text NOT NULL,
  outcome_of text
);
ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS outcome_of text;
CREATE UNIQUE INDEX IF NOT EXISTS ${table.slice(table.indexOf('.') + 1)}_outcome ON ${table} (outcome_of);
CREATE TABLE IF NOT EXISTS ${table}_turn ();
CREATE OR REPLACE FUNCTION ${rule}() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'an audit log is not changed'; END $$;
CREATE OR REPLACE TRIGGER no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ${table}
  FOR EACH STATEMENT EXECUTE FUNCTION ${rule}();
${grants}`
}

function grantsTo(role: string, table: string): string {
  assertTableName(role)
  return `REVOKE ALL ON ${table}, ${table}_turn FROM ${role};
GRANT SELECT, INSERT ON ${table} TO ${role};
GRANT UPDATE ON ${table}_turn TO ${role};
`
}

/** The lines of a log in PostgreSQL, oldest first: for `verifyAuditLog`. */
export async function* readPostgresLines(
  connection: PostgresQueryable,
  table = 'audit_log',
): AsyncGenerator<string, void> {
  assertTableName(table, 2)
  let reached = 0
  for (;;) {
    const { rows } = await connection.query(
      `SELECT sequence, line FROM ${table} WHERE sequence > $1 ORDER BY sequence LIMIT 1000`,
      [reached],
    )
    if (rows.length === 0) return
    for (const row of rows as readonly { readonly sequence: string; readonly line: string }[]) {
      reached = Number(row.sequence)
      yield row.line
    }
  }
}

function positionOf(row: unknown): LogPosition {
  if (row === undefined) return beginning
  const { sequence, hash } = row as { readonly sequence: string | number; readonly hash: string }
  return { sequence: Number(sequence), hash }
}
