// node only: HMAC

/**
 * Stores in SQLite, for the processes of one machine.
 *
 * @module
 */

import { type OptionChecks, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { type Clock, systemClock } from '../../time.ts'
import { type EpochOptions, epochChecks } from '../epoch.ts'
import type { SharedStores } from '../shared-stores.ts'
import { connectionChecks, openConnection, type SqliteConnectionOptions } from './connection.ts'
import { limitStore } from './limit-store.ts'
import { replayStore } from './replay-store.ts'
import { revocationStore, type SqliteRevocationStore } from './revocation-store.ts'

/** Options of {@link sqliteStores}. */
export interface SqliteStoresOptions extends SqliteConnectionOptions, EpochOptions {
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** The stores of SQLite: revocations can be listed. */
export interface SqliteStores extends SharedStores {
  readonly revocations: SqliteRevocationStore
}

const optionChecks = Object.freeze({
  ...connectionChecks,
  ...epochChecks,
  clock: withDefault(withMethod('now'), systemClock),
}) satisfies OptionChecks<SqliteStoresOptions>

/**
 * Opens the stores of a database that `prepareSqliteStores` has prepared. Every process opens its own connection.
 *
 * Claims that arrive together share one transaction, which is on disk before they are answered. The event loop turns
 * between transactions, and while another process writes.
 *
 * @throws ArgumentError when an option is invalid; StoreError when the database was not prepared, or with another secret.
 * @example
 * ```ts
 * import { createAuthorizer } from 'procura'
 * import { prepareSqliteStores, sqliteStores } from 'procura/store/sqlite'
 *
 * prepareSqliteStores({ database, secret }) // once, when the service is installed
 * const authorizer = createAuthorizer({
 *   audience: service.did,
 *   subjects: [owner.did],
 *   commands: [send],
 *   ...sqliteStores({ database, secret }),
 * })
 * ```
 */
export function sqliteStores(options: SqliteStoresOptions): SqliteStores {
  const settings = readOptions('sqliteStores', options, optionChecks)
  const connection = openConnection(settings)
  return Object.freeze({
    replay: replayStore(connection, settings),
    revocations: revocationStore(connection, settings),
    limitStore: limitStore(connection, settings.clock),
  })
}
