// node only: HMAC

/**
 * Stores in PostgreSQL, for processes on any number of machines.
 *
 * @module
 */

import { type OptionChecks, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { type Clock, systemClock } from '../../time.ts'
import { type EpochOptions, epochChecks } from '../epoch.ts'
import type { ServerStores, SharedStores } from '../shared-stores.ts'
import { callStore } from './call-store.ts'
import { connectionChecks, openConnection, type PostgresConnectionOptions } from './connection.ts'
import { limitStore } from './limit-store.ts'
import { epochOf, replayStore } from './replay-store.ts'
import { revocationStore } from './revocation-store.ts'

/** Options of {@link postgresStores}. */
export interface PostgresStoresOptions extends PostgresConnectionOptions, EpochOptions {
  /** Default: the host's clock. */
  readonly clock?: Clock
}

const optionChecks = Object.freeze({
  ...connectionChecks,
  ...epochChecks,
  clock: withDefault(withMethod('now'), systemClock),
}) satisfies OptionChecks<PostgresStoresOptions>

/**
 * Opens the stores that `preparePostgresStores` has prepared. A decision about a call is one request. Requests that
 * arrive together share a statement. Nothing lives longer than a statement on a connection, so the stores work behind a
 * pooler in transaction mode.
 *
 * @throws ArgumentError when an option is invalid.
 * @example
 * ```ts
 * import { createAuthorizer } from 'procura'
 * import { postgresStoreSchema, postgresStores, preparePostgresStores } from 'procura/store/postgres'
 *
 * await postgres.query(postgresStoreSchema({ role: 'mail_service' }), []) // once, when the service is installed
 * await preparePostgresStores({ client: postgres, secret })
 * const authorizer = createAuthorizer({
 *   audience: service.did,
 *   subjects: [owner.did],
 *   commands: [send],
 *   ...postgresStores({ client: postgres, secret }),
 * })
 * ```
 */
export function postgresStores(options: PostgresStoresOptions): ServerStores {
  const settings = readOptions('postgresStores', options, optionChecks)
  const connection = openConnection(settings)
  const epoch = epochOf(connection)
  const stores: SharedStores = {
    replay: replayStore(connection, epoch, settings),
    revocations: revocationStore(connection, settings),
    limitStore: limitStore(connection, settings.clock),
  }
  return Object.freeze({ ...stores, callStore: callStore(connection, stores, epoch, settings) })
}
