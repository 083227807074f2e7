// node only: its users make names by HMAC
import type { Timestamp } from '../../time.ts'
import type { Tables } from '../tables.ts'
import { forgettable, type PostgresConnection } from './connection.ts'

/** Rows that one statement forgets. */
export const prunedAtOnce = 1000

/** A column of the row of the stores: the time before which rows of some tables were forgotten. */
export type Noted = 'forgotten' | 'revocations_forgotten' | 'limits_forgotten' | 'processed_forgotten'

/**
 * Notes the time before which rows are forgotten, and returns it, or nothing if no row has ended. It is a statement of
 * its own: claims wait for a statement that writes this row.
 *
 * @param ended - the SQL that finds out whether a row has ended.
 * @throws StoreError also when the stores were not prepared, or have another secret.
 */
export async function noteForgotten(
  { names, tables: { meta }, ask }: PostgresConnection,
  noted: Noted,
  ended: string,
  before: Timestamp,
): Promise<string | undefined> {
  const [row] = await ask(
    `WITH noting AS (
      UPDATE ${meta} SET ${noted} = greatest(${noted}, ${forgettable}) WHERE fingerprint = $2 AND (${ended})
      RETURNING ${noted} AS until
    ) SELECT fingerprint, until FROM ${meta} LEFT JOIN noting ON true`,
    [String(before), names.fingerprint],
  )
  const { until } = row
  return until === null || until === undefined ? undefined : String(until)
}

/**
 * A condition: the time $1 is still noted. Stores that were prepared with a new epoch since have no noted time, and
 * perhaps new rows with old ends; the lock keeps the epoch until the statement has ended.
 */
export function isNoted({ meta }: Tables, noted: Noted): string {
  return `(SELECT ${noted} FROM ${meta} FOR SHARE) >= $1::float8`
}

/** The rows of a table that are forgotten. */
export interface ForgottenRows {
  readonly table: string
  readonly noted: Noted
  /** The columns of its primary key. */
  readonly key: string
  /** The column with the time at which a row has ended. It has an index. */
  readonly time: string
}

/**
 * Forgets the rows that ended before a time, some with each statement.
 *
 * Each statement begins where the one before has ended. A row that was deleted remains in the index until the server
 * has cleaned it, which it cannot do while an older transaction runs; statements that began at the first row would take
 * longer each time.
 *
 * @param until - the time. The store has noted it, so that no row of a time before it is added.
 */
export async function forgetRows(
  { tables, query }: PostgresConnection,
  { table, noted, key, time }: ForgottenRows,
  until: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  // The time is compared again where another statement has changed it since: that row is kept.
  const text = `WITH ended AS (
      SELECT ${key}, ${time} FROM ${table}
      WHERE ${time} >= $2::float8 AND ${time} < $1::float8 AND ${isNoted(tables, noted)}
      ORDER BY ${time} LIMIT ${prunedAtOnce}
    ), gone AS (
      DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ended) AND ${time} < $1::float8
    ) SELECT count(*) AS count, max(${time})::text AS last FROM ended`
  let from = '-Infinity'
  for (let count = prunedAtOnce; count === prunedAtOnce; ) {
    signal?.throwIfAborted()
    const [row] = await query(text, [until, from])
    count = Number(row?.['count'])
    from = String(row?.['last'] ?? from)
  }
}
