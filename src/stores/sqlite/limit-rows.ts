// node only: HMAC

/**
 * The rows of limits, within a transaction.
 *
 * @module
 */

import type { LimitEntry } from '../../core/authorization/limits/limit-store.ts'
import { prepare, type Statement } from '../../support/sqlite.ts'
import { maxTolerance, type Timestamp } from '../../time.ts'
import type { SqliteConnection } from './connection.ts'

/** An amount that is about to be held. */
export interface NewHold {
  readonly entry: LimitEntry
  readonly deadline: Timestamp
  readonly now: Timestamp
  /** The name of the task, once it is paid for. */
  readonly paid: Uint8Array | null
}

/** The committed holds that a request may still end. */
export interface Room {
  holds: number
}

/** The amounts of a limit. */
export interface LimitCount {
  readonly sum: number
  readonly next: Timestamp
}

/** Reads and writes the rows. Keys and names are keyed hashes. */
export interface LimitRows {
  /** The latest time before which limits were forgotten. */
  forgotten(): Timestamp
  /** Whether there is a reservation. */
  has(id: Uint8Array): boolean
  isPaid(name: Uint8Array): boolean
  /** The sum of the amounts that count, and the earliest time at which one of them ceases to. */
  count(key: Uint8Array, now: Timestamp): LimitCount
  /**
   * The same, after it has ended holds of the limit whose time is over: each reservation that was not committed, as a
   * whole, and others as far as there is room. The rest counts as gone.
   */
  countCurrent(key: Uint8Array, now: Timestamp, room: Room): LimitCount
  hold(id: Uint8Array, key: Uint8Array, hold: NewHold): void
  /** Counts an amount that is final at once, and needs no hold if it belongs to a total. */
  use(id: Uint8Array, key: Uint8Array, hold: NewHold): void
  commit(id: Uint8Array, now: Timestamp): boolean
  release(id: Uint8Array): void
  /** Forgets some rows, and returns whether there may be more. */
  forgetSome(now: Timestamp): boolean
}

const kinds = { total: 0, rate: 1, concurrent: 2 } as const

/** Rows of a table that one statement forgets. */
const prunedAtOnce = 200

/** The key of the row with the latest time before which limits were forgotten. No keyed hash is empty. */
const forgottenKey = new Uint8Array(0)

function prepareStatements({ database, tables }: SqliteConnection) {
  const { limits, limitHolds: holds, limitTasks: tasks } = tables
  // The first limits by their end: a limit that cannot be forgotten yet makes no search longer.
  const expired = `SELECT key FROM ${limits} WHERE expiration < ? AND length(key) > 0 ORDER BY expiration LIMIT ${prunedAtOnce}`
  const sql = (text: string): Statement => prepare(database, text)
  const counted = `SELECT (SELECT used FROM ${limits} WHERE key = ?) AS used, sum(amount) AS sum, min(until) AS next
    FROM ${holds} WHERE key = ?`
  return {
    // An end that remains as it is changes no page: neither of the table nor of the index.
    keepUntil: sql(
      `INSERT INTO ${limits} VALUES (?, 0, ?)
       ON CONFLICT DO UPDATE SET expiration = excluded.expiration WHERE expiration < excluded.expiration`,
    ),
    use: sql(`UPDATE ${limits} SET used = used + ? WHERE key = ?`),
    useUntil: sql(`UPDATE ${limits} SET used = used + ? WHERE key = ? AND expiration >= ?`),
    useLonger: sql(
      `INSERT INTO ${limits} VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET used = used + excluded.used, expiration = excluded.expiration`,
    ),
    limitOf: sql(`SELECT used, expiration FROM ${limits} WHERE key = ?`),
    countAll: sql(counted),
    countFrom: sql(`${counted} AND until > ?`),
    insert: sql(`INSERT INTO ${holds} VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
    find: sql(`SELECT key, kind, amount, until, later, pending, paid FROM ${holds} WHERE id = ?`),
    keep: sql(
      `UPDATE ${holds} SET pending = 0, until = CASE kind WHEN ${kinds.rate} THEN later - until + ? ELSE later END
       WHERE id = ?`,
    ),
    endTotals: sql(`DELETE FROM ${holds} WHERE id = ? AND kind = ${kinds.total}`),
    endConcurrent: sql(`DELETE FROM ${holds} WHERE id = ? AND kind = ${kinds.concurrent}`),
    end: sql(`DELETE FROM ${holds} WHERE id = ?`),
    endPending: sql(
      `DELETE FROM ${holds} WHERE id IN (SELECT id FROM ${holds} WHERE key = ? AND pending = 1 AND until <= ?)`,
    ),
    endKept: sql(
      `DELETE FROM ${holds} WHERE (id, key) IN
       (SELECT id, key FROM ${holds} WHERE key = ? AND pending = 0 AND until <= ? LIMIT ?)`,
    ),
    pay: sql(`INSERT INTO ${tasks} VALUES (?, ?) ON CONFLICT DO NOTHING`),
    paid: sql(`SELECT 1 FROM ${tasks} WHERE name = ?`),
    forgetHolds: sql(
      // All holds of a reservation that was not committed end together.
      `DELETE FROM ${holds} WHERE id IN (SELECT id FROM ${holds} WHERE until <= ? LIMIT ${prunedAtOnce}) AND until <= ?`,
    ),
    forgetTasks: sql(
      `DELETE FROM ${tasks} WHERE name IN (SELECT name FROM ${tasks} WHERE expiration < ? LIMIT ${prunedAtOnce})`,
    ),
    expired: sql(expired),
    // The amounts of a limit that nobody can use any more, within a period that has not ended.
    endExpired: sql(
      `DELETE FROM ${holds} WHERE (id, key) IN (SELECT counted.id, counted.key FROM (${expired}) AS over
       JOIN ${holds} AS counted ON counted.key = over.key WHERE counted.pending = 0 LIMIT ${prunedAtOnce})`,
    ),
    forgetLimits: sql(
      `DELETE FROM ${limits} WHERE key IN (SELECT key FROM (${expired}) AS over
       WHERE NOT EXISTS (SELECT 1 FROM ${holds} WHERE ${holds}.key = over.key))`,
    ),
  }
}

/** Returns the rows of a connection. */
export function createLimitRows(connection: SqliteConnection): LimitRows {
  const sql = prepareStatements(connection)

  /** Adds a final amount to a total, and notes that its task is paid for. */
  function settle(key: Uint8Array, amount: number, name: Uint8Array | null): void {
    if (name !== null && sql.paid.all(name).length > 0) return
    sql.use.run(amount, key)
    pay(key, amount, name)
  }

  function pay(key: Uint8Array, amount: number, name: Uint8Array | null): void {
    if (name !== null && amount > 0) sql.pay.run(name, Number(sql.limitOf.all(key)[0]?.['expiration']))
  }

  function insert(id: Uint8Array, key: Uint8Array, { entry, deadline, now, paid }: NewHold, pending: boolean): void {
    // The clock has whole seconds, so the period of a rate may have begun almost a second later. It begins with the
    // commit: `later` minus `until` is its length while the amount is pending.
    const later = entry.kind === 'rate' ? (pending ? deadline : now) + Number(entry.window) + 1 : deadline
    const until = pending ? deadline : later
    sql.insert.run(id, key, kinds[entry.kind], entry.amount, until, later, pending ? 1 : 0, paid)
  }

  return {
    forgotten: () => Number(sql.limitOf.all(forgottenKey)[0]?.['expiration'] ?? Number.NEGATIVE_INFINITY),
    has: (id) => sql.find.all(id).length > 0,
    isPaid: (name) => sql.paid.all(name).length > 0,
    count: (key, now) => countOf(sql.countFrom.all(key, key, now)),
    countCurrent(key, now, room) {
      const all = countOf(sql.countAll.all(key, key))
      if (!(all.next <= now)) return all
      sql.endPending.run(key, now)
      room.holds -= sql.endKept.run(key, now, room.holds)
      return countOf(sql.countFrom.all(key, key, now))
    },
    hold(id, key, hold) {
      sql.keepUntil.run(key, hold.entry.expiration)
      insert(id, key, hold, true)
    },
    use(id, key, hold) {
      const { amount, expiration, kind } = hold.entry
      if (kind !== 'total') {
        sql.keepUntil.run(key, expiration)
        return insert(id, key, hold, false)
      }
      if (sql.useUntil.run(amount, key, expiration) === 0) sql.useLonger.run(key, amount, expiration)
      pay(key, amount, hold.paid)
    },
    commit(id, now) {
      const rows = sql.find.all(id)
      if (rows.length === 0) return false
      if (rows.some(({ pending }) => pending === 0)) return true
      if (rows.some(({ until }) => Number(until) <= now)) {
        sql.end.run(id)
        return false
      }
      for (const { key, kind, amount, paid } of rows)
        if (kind === kinds.total) settle(key as Uint8Array, Number(amount), paid as Uint8Array | null)
      sql.endTotals.run(id)
      sql.keep.run(now, id)
      return true
    },
    release(id) {
      if (sql.find.all(id).some(({ pending }) => pending === 1)) sql.end.run(id)
      else sql.endConcurrent.run(id)
    },
    forgetSome(now) {
      const before = now - maxTolerance
      const mayRemain = [sql.forgetHolds.run(now, now), sql.forgetTasks.run(before)].some(
        (count) => count >= prunedAtOnce,
      )
      const expired = sql.expired.all(before).length
      const ended = sql.endExpired.run(before)
      const gone = sql.forgetLimits.run(before)
      // Noted also if only amounts are gone: no call of such a limit is counted any more.
      if (ended + gone > 0) sql.keepUntil.run(forgottenKey, before)
      return mayRemain || ended > 0 || (gone > 0 && expired === prunedAtOnce)
    },
  }
}

function countOf([row]: ReturnType<Statement['all']>): LimitCount {
  const { used, sum, next } = Object(row)
  // Without holds, no amount ceases to count.
  return { sum: Number(used ?? 0) + Number(sum ?? 0), next: Number(next ?? Number.NaN) }
}
