// node only: its users make names by HMAC
import type { PostgresConnection } from './connection.ts'

/** Rows that one statement forgets. */
export const prunedAtOnce = 1000

/** The rows of a table that are forgotten. */
export interface ForgottenRows {
  readonly table: string
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
  { query }: PostgresConnection,
  { table, key, time }: ForgottenRows,
  until: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  // The time is compared again where another statement has changed it since: that row is kept.
  const text = `WITH ended AS (
      SELECT ${key}, ${time} FROM ${table} WHERE ${time} >= $2::float8 AND ${time} < $1::float8
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
