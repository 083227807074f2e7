// node only: HMAC

/**
 * Stores in SQLite, for the processes of one machine.
 *
 * @module
 */

import { type OptionChecks, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { type Clock, systemClock } from '../../time.ts'
import { type EpochOptions, epochChecks } from '../epoch.ts'
import type { ServerStores } from '../shared-stores.ts'
import { callStore } from './call-store.ts'
import { connectionChecks, openConnection, type SqliteConnectionOptions } from './connection.ts'
import { limitStore } from './limit-store.ts'
import { createClaims, replayStore } from './replay-store.ts'
import { createReservations } from './reservations.ts'
import { revocationFinder, revocationStore, type SqliteRevocationStore } from './revocation-store.ts'

/** Options of {@link sqliteStores}. */
export interface SqliteStoresOptions extends SqliteConnectionOptions, EpochOptions {
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/**
 * The stores of SQLite: revocations can be listed, and `callStore` answers all questions about a call in one
 * transaction.
 */
export interface SqliteStores extends ServerStores {
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
 * Calls that arrive together share one transaction, which is on disk before they are answered. The event loop turns
 * between transactions, and while another process writes.
 *
 * @throws ArgumentError when an option is invalid; StoreError when the database was not prepared, or with another
 *   secret.
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
  const parts = {
    find: revocationFinder(connection, settings.clock),
    claims: createClaims(connection, settings),
    reservations: createReservations(connection, settings.clock),
  }
  const stores = {
    replay: replayStore(connection, parts.claims),
    revocations: revocationStore(connection, parts.find, settings),
    limitStore: limitStore(connection, parts.reservations),
  }
  return Object.freeze({ ...stores, callStore: callStore(connection, stores, parts) })
}
