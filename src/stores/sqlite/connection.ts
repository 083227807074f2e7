// node only: HMAC

import { StoreError } from '../../errors.ts'
import {
  type DefaultCheck,
  integerFrom,
  milliseconds,
  nonEmptyString,
  type OptionCheck,
  withDefault,
} from '../../support/options.ts'
import { databaseCheck, prepare, type SqliteDatabase, whenFree } from '../../support/sqlite.ts'
import type { Timestamp } from '../../time.ts'
import { type KeyedNames, keyedNames, type StoreSecret, storeSecretCheck } from '../keyed-names.ts'
import { assertPrefix } from '../prefix.ts'
import { type Tables, tablesOf } from '../tables.ts'
import { failure, unprepared } from './failure.ts'
import { createWriteQueue, type WriteQueue } from './write-queue.ts'

/** How a store uses its database. */
export interface SqliteConnectionOptions {
  /** A connection of its own, which nothing else uses. Its owner closes it. */
  readonly database: SqliteDatabase
  /** The secret with which `prepareSqliteStores` prepared the database. */
  readonly secret: StoreSecret
  /** The beginning of the names of the tables. Default `procura`. */
  readonly prefix?: string
  /** How long a request waits for other processes, in milliseconds. Default 1,000. */
  readonly busyTimeoutMs?: number
  /** Most writes of one transaction. Default 500. */
  readonly maxBatch?: number
}

/** The checks of {@link SqliteConnectionOptions}. */
export const connectionChecks: {
  readonly database: OptionCheck
  readonly secret: OptionCheck
  readonly prefix: DefaultCheck
  readonly busyTimeoutMs: DefaultCheck
  readonly maxBatch: DefaultCheck
} = Object.freeze({
  database: databaseCheck,
  secret: storeSecretCheck,
  prefix: withDefault(nonEmptyString, 'procura'),
  busyTimeoutMs: withDefault(milliseconds, 1000),
  maxBatch: withDefault(integerFrom(1), 500),
})

/** A prepared database. */
export interface SqliteConnection {
  readonly database: SqliteDatabase
  readonly names: KeyedNames
  readonly tables: Tables
  readonly write: WriteQueue
  /**
   * Returns the row of the stores.
   *
   * @throws StoreError when the database was not prepared, lost its data, or was prepared with another secret.
   */
  meta(): StoresRow
  /**
   * Runs a query, with {@link meta} or without. The answer is a promise if another process holds the database.
   *
   * @throws StoreError when the database does not answer.
   */
  query<T>(task: () => T): T | Promise<T>
}

/** The row of the stores. */
export interface StoresRow {
  readonly epoch: Timestamp
  /** The latest time before which calls were forgotten. */
  readonly forgotten: Timestamp
  /** The same for revocations. */
  readonly revocationsForgotten: Timestamp
}

/**
 * Opens a database that `prepareSqliteStores` has prepared. Waits in SQLite for processes that write.
 *
 * @param pragmas - more settings of the connection.
 * @throws ArgumentError when the prefix is invalid; StoreError when the database was not prepared, or with another
 *   secret.
 */
export function openConnection(options: Required<SqliteConnectionOptions>, pragmas = ''): SqliteConnection {
  const { database, secret, prefix, busyTimeoutMs, maxBatch } = options
  assertPrefix(prefix)
  const names = keyedNames(secret)
  const tables = tablesOf(prefix)
  let meta: SqliteConnection['meta']
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}; PRAGMA synchronous = FULL; ${pragmas}`)
    meta = metaReader(database, tables, names)
    meta()
    // From now on, waiting in SQLite would block the event loop.
    database.exec('PRAGMA busy_timeout = 0')
  } catch (cause) {
    throw failure(cause)
  }
  return {
    database,
    names,
    tables,
    write: createWriteQueue(database, busyTimeoutMs, maxBatch),
    meta,
    query(task) {
      try {
        const answer = whenFree(task, busyTimeoutMs)
        return answer instanceof Promise ? answer.catch((cause: unknown) => Promise.reject(failure(cause))) : answer
      } catch (cause) {
        throw failure(cause)
      }
    },
  }
}

function metaReader(database: SqliteDatabase, { meta }: Tables, { fingerprint }: KeyedNames): SqliteConnection['meta'] {
  const read = prepare(database, `SELECT fingerprint, epoch, forgotten, revocations_forgotten FROM ${meta}`)
  return () => {
    const [row] = read.all()
    if (row === undefined) throw unprepared()
    // STO-02
    if (row['fingerprint'] !== fingerprint) throw new StoreError('the stores were prepared with another `secret`')
    return {
      epoch: Number(row['epoch']),
      forgotten: Number(row['forgotten']),
      revocationsForgotten: Number(row['revocations_forgotten']),
    }
  }
}
