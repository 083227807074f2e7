import { AuditError } from '../../../errors.ts'
import type { IpldMap } from '../../../ipld/value.ts'
import { type AuditEvent, intentEndedBy, intentNamedBy } from '../../events/event.ts'
import {
  type AuditRecord,
  beginning,
  formatRecord,
  type LogPosition,
  makeRecord,
  type Sha256,
} from '../../events/record.ts'
import { alreadySettled } from '../../sink.ts'
import type { PostgresQueryable } from './pool.ts'

/** The log that a batch goes to. */
export interface BatchTarget {
  readonly table: string
  /** Name of the sink, for messages. */
  readonly name: string
  readonly sha256: Sha256
}

/** A record, with its line of text. */
interface Row {
  readonly record: AuditRecord
  readonly line: string
}

/**
 * Writes events as records in one transaction.
 *
 * @param events - results of `prepareEvent`.
 * @returns for each event its record, or the error of one that is refused by itself: an event about an intent that has
 *   its end on record, or one that a line cannot contain. The other events of the transaction are of other calls.
 */
export async function writeBatch(
  connection: PostgresQueryable,
  target: BatchTarget,
  events: readonly IpldMap[],
): Promise<readonly (AuditRecord | AuditError)[]> {
  const { table } = target
  // Each statement must see what was committed before it, beginning with the lock.
  await connection.query('BEGIN ISOLATION LEVEL READ COMMITTED')
  await connection.query(settings)
  // AUD-33: not an advisory lock, which any role that may connect can take.
  await connection.query(`LOCK TABLE ${table}_turn IN SHARE ROW EXCLUSIVE MODE`)
  const { rows } = await connection.query(`SELECT sequence, hash FROM ${table} ORDER BY sequence DESC LIMIT 1`)
  const ended = await readEnded(connection, table, events)
  const written: Row[] = []
  const results: (AuditRecord | AuditError)[] = []
  let last = positionOf(rows[0])
  for (const event of events) {
    const row = await rowOf(event, last, ended, target)
    if (row instanceof AuditError) {
      results.push(row)
      continue
    }
    last = row.record
    written.push(row)
    results.push(row.record)
    const end = intentEndedBy(row.record.event)
    if (end !== undefined) ended.set(end, row.record.sequence)
  }
  await insert(connection, table, written)
  await connection.query('COMMIT')
  return results
}

/** Ends the transaction of a suspended writer, which would block all others. */
const settings = `
  SELECT set_config('synchronous_commit', 'on', true), set_config('idle_in_transaction_session_timeout', '5000', true)`

async function rowOf(
  event: IpldMap,
  last: LogPosition,
  ended: ReadonlyMap<string, number>,
  { name, sha256 }: BatchTarget,
): Promise<Row | AuditError> {
  const intent = intentNamedBy(event as unknown as AuditEvent)
  const before = intent === undefined ? undefined : ended.get(intent)
  if (before !== undefined) return alreadySettled(name, before)
  const record = await makeRecord(last, event, sha256)
  try {
    return { record, line: formatRecord(record) }
  } catch (error) {
    if (error instanceof AuditError) return error
    throw error
  }
}

async function insert(connection: PostgresQueryable, table: string, rows: readonly Row[]): Promise<void> {
  await connection.query(
    `INSERT INTO ${table} (sequence, hash, previous, line, outcome_of)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])`,
    [
      rows.map(({ record }) => record.sequence),
      rows.map(({ record }) => record.hash),
      rows.map(({ record }) => record.previous),
      rows.map(({ line }) => line),
      rows.map(({ record }) => intentEndedBy(record.event) ?? null),
    ],
  )
}

/** The intents of a batch that have their end on record, with the number of that record. */
async function readEnded(
  connection: PostgresQueryable,
  table: string,
  events: readonly IpldMap[],
): Promise<Map<string, number>> {
  const intents = events.flatMap((event) => intentNamedBy(event as unknown as AuditEvent) ?? [])
  if (intents.length === 0) return new Map()
  const select = `SELECT outcome_of, sequence FROM ${table} WHERE outcome_of = ANY($1::text[])`
  const rows = (await connection.query(select, [intents])).rows as readonly EndedRow[]
  return new Map(rows.map((row) => [row.outcome_of, Number(row.sequence)]))
}

interface EndedRow {
  readonly outcome_of: string
  readonly sequence: string
}

function positionOf(row: unknown): LogPosition {
  if (row === undefined) return beginning
  const { sequence, hash } = row as { readonly sequence: string | number; readonly hash: string }
  return { sequence: Number(sequence), hash }
}
