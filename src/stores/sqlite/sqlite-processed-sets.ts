// node only: HMAC

import { checkProcessedSet } from '../../core/revocation/processed-sets.ts'
import { type OptionChecks, readOptions } from '../../support/options.ts'
import { prepare, type SqliteDatabase } from '../../support/sqlite.ts'
import { secondsOf, type Timestamp } from '../../time.ts'
import { assertRemembered, clockChecks, type ProcessedSetsClock, processedBefore } from '../processed-entries.ts'
import type { SharedProcessedSets } from '../shared-stores.ts'
import type { Tables } from '../tables.ts'
import { connectionChecks, openConnection, type SqliteConnectionOptions } from './connection.ts'
import { failure } from './failure.ts'

/** Options of {@link sqliteProcessedSets}. */
export interface SqliteProcessedSetsOptions extends SqliteConnectionOptions, ProcessedSetsClock {}

const optionChecks = Object.freeze({
  ...connectionChecks,
  ...clockChecks,
}) satisfies OptionChecks<SqliteProcessedSetsOptions>

/** Rows that one statement forgets. */
const prunedAtOnce = 200

/**
 * The key of the row whose expiration is the latest time before which entries were forgotten. No keyed hash is empty.
 */
const forgottenKey = new Uint8Array(0)

/**
 * Opens a memory of processed Security Event Tokens, the option `processed` of `securityEventReceiver`, in a database
 * that `prepareSqliteStores` has prepared. Every process opens its own connection.
 *
 * @throws ArgumentError when an option is invalid; StoreError when the database was not prepared, or with another
 *   secret.
 * @example
 * ```ts
 * import { sqliteProcessedSets } from 'procura/store/sqlite'
 *
 * const processed = sqliteProcessedSets({ database, secret })
 * ```
 */
export function sqliteProcessedSets(options: SqliteProcessedSetsOptions): SharedProcessedSets {
  const settings = readOptions('sqliteProcessedSets', options, optionChecks)
  const { database, names, tables, write, meta, query } = openConnection(settings)
  const sql = statements(database, tables)
  const nameOf = (id: string): Uint8Array => names.bytes('processed', id)

  /** Forgets some entries, and returns how many. The time is noted in the same transaction. */
  function forgetSome(): number {
    const until = processedBefore(secondsOf(settings.clock))
    const count = sql.forget.run(until)
    if (count > 0) sql.add.run(forgottenKey, until)
    return count
  }

  return Object.freeze({
    async has(id: string, expiration: Timestamp) {
      checkProcessedSet(id, expiration)
      return query(() => {
        meta()
        if (sql.find.all(nameOf(id)).length > 0) return true
        // Read after the entry: another process may forget it in between.
        assertRemembered(expiration, Number(sql.find.all(forgottenKey)[0]?.['expiration'] ?? 0))
        return false
      })
    },
    async add(id: string, expiration: Timestamp) {
      checkProcessedSet(id, expiration)
      await write(() => {
        meta()
        forgetSome()
        sql.add.run(nameOf(id), expiration)
      })
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      while ((await write(forgetSome, signal)) === prunedAtOnce);
    },
  })
}

function statements(database: SqliteDatabase, { processedSets: table }: Tables) {
  try {
    return {
      find: prepare(database, `SELECT expiration FROM ${table} WHERE key = ?`),
      add: prepare(
        database,
        `INSERT INTO ${table} VALUES (?, ?) ON CONFLICT DO UPDATE SET expiration = max(expiration, excluded.expiration)`,
      ),
      forget: prepare(
        database,
        `DELETE FROM ${table} WHERE key IN
           (SELECT key FROM ${table} WHERE expiration < ? AND key <> x'' LIMIT ${prunedAtOnce})`,
      ),
    }
  } catch (cause) {
    throw failure(cause)
  }
}
