// node only: HMAC

import type {
  LimitAnswer,
  LimitEntry,
  LimitRequest,
  LimitStoreOptions,
} from '../../core/authorization/limits/limit-store.ts'
import { checkLimitEntries, checkLimitRequest } from '../../core/authorization/limits/read-limit-request.ts'
import { type Clock, maxTolerance, secondsOf, type Timestamp } from '../../time.ts'
import {
  expiredLimit,
  limitName,
  limitState,
  type NamedRequest,
  namedRequest,
  overdueReservation,
  refusedAt,
  reservationName,
  takenReservation,
} from '../limit-entries.ts'
import type { SharedLimitStore } from '../shared-stores.ts'
import { forgettable, onDisk, otherForm, type PostgresConnection, type Row } from './connection.ts'
import { forgetRows, isNoted, noteForgotten, prunedAtOnce } from './forget-rows.ts'
import { limitFunctionsOf } from './limit-functions.ts'

/** Makes the limit store of a connection. Requests that wait share a statement. */
export function limitStore(connection: PostgresConnection, clock: Clock): SharedLimitStore {
  const { names, tables, batched, ask } = connection
  const { meta, limits, limitHolds } = tables
  const functions = limitFunctionsOf(tables)

  /** Runs a function that answers in JSON, unless the stores have another secret. */
  async function call(invocation: string, values: readonly string[], count: number): Promise<readonly unknown[]> {
    const guarded = `CASE WHEN fingerprint = $1 THEN ${invocation}::text END AS answers`
    const [row] = await ask(`SELECT fingerprint, ${onDisk}, ${guarded} FROM ${meta}`, [names.fingerprint, ...values])
    return readAnswers(row, count)
  }

  const reserve = batched(async (requests: readonly LimitRequest[]) => {
    const now = secondsOf(clock)
    const named = requests.map((request) => toJson(namedRequest(request, now, names)))
    return call(`${functions.reserve}($2::jsonb, $3::float8)`, [JSON.stringify(named), String(now)], requests.length)
  })

  const commit = batched((ids: readonly string[]) =>
    call(
      `${functions.commit}(string_to_array($2, ','), $3::float8)`,
      [ids.join(','), String(secondsOf(clock))],
      ids.length,
    ),
  )

  const release = batched(async (ids: readonly string[]) => {
    const text = `SELECT fingerprint, CASE WHEN fingerprint = $1 THEN ${functions.release}(string_to_array($2, ',')) END
      FROM ${meta}`
    await ask(text, [names.fingerprint, ids.join(',')])
    return ids.map(() => undefined)
  })

  return Object.freeze({
    async reserve(request: LimitRequest, { signal }: LimitStoreOptions) {
      checkLimitRequest(request)
      return answerOf(await reserve(request, signal), request.entries)
    },
    async commit(reservation: string, { signal }: LimitStoreOptions) {
      const committed = await commit(reservationName(reservation, names), signal)
      if (typeof committed !== 'boolean') throw otherForm()
      return committed
    },
    release: (reservation: string, { signal }: LimitStoreOptions) =>
      release(reservationName(reservation, names), signal),
    async remaining(entries: readonly LimitEntry[]) {
      checkLimitEntries(entries)
      const rows = await ask(
        `SELECT fingerprint, coalesce(used, 0) + coalesce(held, 0) AS sum, next
         FROM ${meta} CROSS JOIN unnest(string_to_array($1, ',')) WITH ORDINALITY AS given (name, place)
         LEFT JOIN ${limits} AS counted ON counted.key = decode(name, 'hex')
         LEFT JOIN LATERAL (
           SELECT sum(amount)::bigint AS held, min(until) AS next FROM ${limitHolds}
           WHERE ${limitHolds}.key = counted.key AND until > $2::float8
         ) AS counting ON true ORDER BY place`,
        [entries.map(({ key }) => limitName(key, names)).join(','), String(secondsOf(clock))],
      )
      if (rows.length !== entries.length) throw otherForm()
      return entries.map((entry, at) => {
        const { sum, next } = rows[at] as Row
        return limitState(entry, Math.max(0, entry.maximum - numberOf(sum)), next ?? Number.NaN)
      })
    },
    async prune({ signal }: LimitStoreOptions = {}) {
      await forget(connection, secondsOf(clock), signal)
    },
  })
}

/** A request in JSON, which has no infinite number. */
export function toJson({ entries, ...request }: NamedRequest): unknown {
  return { ...request, entries: entries.map((entry) => ({ ...entry, expiration: String(entry.expiration) })) }
}

/** @throws StoreError when a row has not as many answers. */
function readAnswers(row: Row, count: number): readonly unknown[] {
  const { answers } = row
  let found: unknown
  try {
    found = JSON.parse(String(answers))
  } catch {
    throw otherForm()
  }
  if (!Array.isArray(found) || found.length !== count) throw otherForm()
  return found
}

/**
 * Returns the answer to a reservation.
 *
 * @throws StoreError when the request was refused for a reason other than a limit.
 */
export function answerOf(answer: unknown, entries: readonly LimitEntry[]): LimitAnswer {
  const { kind, place, remaining, free_at: freeAt } = Object(answer) as Row
  if (kind === 'reserved') return { reserved: true }
  if (kind === 'overdue') throw overdueReservation()
  if (kind === 'taken') throw takenReservation()
  if (kind === 'expired') throw expiredLimit()
  if (kind !== 'short') throw otherForm()
  return refusedAt(entries, place, numberOf(remaining), freeAt ?? Number.NaN)
}

function numberOf(value: unknown): number {
  return value === null || value === undefined ? Number.NaN : Number(value)
}

/**
 * Ends holds that are over, and forgets limits that expired before a time. Reservations wait until the time is noted.
 */
async function forget(connection: PostgresConnection, now: Timestamp, signal: AbortSignal | undefined): Promise<void> {
  const { names, tables, ask } = connection
  const { meta, limits, limitTasks } = tables
  // Each statement begins where the one before has ended, as those of `forgetRows` do.
  const expire = `SELECT fingerprint, ended->>'count' AS count, ended->>'last' AS last
    FROM (SELECT fingerprint, CASE WHEN fingerprint = $3
      THEN ${limitFunctionsOf(tables).expire}($1::float8, $2::float8, ${prunedAtOnce}) END AS ended FROM ${meta}) AS one`
  let from = '-Infinity'
  for (let count = prunedAtOnce; count === prunedAtOnce; ) {
    signal?.throwIfAborted()
    const [row] = await ask(expire, [String(now), from, names.fingerprint])
    count = Number(row['count'])
    from = String(row['last'] ?? from)
  }
  const noted = 'limits_forgotten'
  const ended = `EXISTS (SELECT 1 FROM ${limits} WHERE expiration < ${forgettable})`
  const until = await noteForgotten(connection, noted, ended, now - maxTolerance)
  if (until === undefined) return
  await forgetLimits(connection, until, signal)
  await forgetRows(connection, { table: limitTasks, noted, key: 'name', time: 'expiration' }, until, signal)
}

/** Forgets limits that expired before a time, with the amounts within a period that has not ended. */
async function forgetLimits(
  { tables, query }: PostgresConnection,
  until: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { limits, limitHolds: holds } = tables
  // A row that a reservation uses is left for the next time, and so is a limit of a call that is not committed.
  const text = `WITH expired AS (
      SELECT key, expiration FROM ${limits}
      WHERE expiration >= $2::float8 AND expiration < $1::float8 AND ${isNoted(tables, 'limits_forgotten')}
      ORDER BY expiration LIMIT ${prunedAtOnce} FOR UPDATE SKIP LOCKED
    ), ended AS (
      DELETE FROM ${holds} WHERE (id, key) IN (
        SELECT counted.id, counted.key FROM expired JOIN ${holds} AS counted USING (key)
        WHERE NOT counted.pending LIMIT ${prunedAtOnce}
      ) RETURNING 1
    ), gone AS (
      DELETE FROM ${limits} WHERE key IN (
        SELECT key FROM expired WHERE NOT EXISTS (SELECT 1 FROM ${holds} AS counted WHERE counted.key = expired.key)
      ) AND expiration < $1::float8
    ) SELECT (SELECT count(*) FROM expired) AS count, (SELECT count(*) FROM ended) AS ended,
      (SELECT max(expiration)::text FROM expired) AS last`
  let from = '-Infinity'
  for (;;) {
    signal?.throwIfAborted()
    const [row] = await query(text, [until, from])
    // The limits whose amounts are gone now are found once more.
    if (Number(row?.['ended']) > 0) continue
    if (Number(row?.['count']) !== prunedAtOnce) return
    from = String(row?.['last'] ?? from)
  }
}
