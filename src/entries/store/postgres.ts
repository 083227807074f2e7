// node only: HMAC

/**
 * `procura/store/postgres`: stores for processes on any number of machines.
 *
 * @module
 */

export type { CallAnswer, CallClaim, CallQuestion, CallStore } from '../../authorization/call-store.ts'
export type { EpochOptions } from '../../state/epoch.ts'
export type { StoreSecret } from '../../state/keyed-names.ts'
export type { PostgresConnectionOptions, PostgresStoreClient } from '../../state/postgres/connection.ts'
export { postgresPersonalKeyStore } from '../../state/postgres/postgres-personal-key-store.ts'
export {
  type PostgresProcessedSetsOptions,
  postgresProcessedSets,
} from '../../state/postgres/postgres-processed-sets.ts'
export { type PostgresStoresOptions, postgresStores } from '../../state/postgres/postgres-stores.ts'
export {
  type PreparePostgresStoresOptions,
  preparePostgresStores,
} from '../../state/postgres/prepare-postgres-stores.ts'
export {
  type PostgresListener,
  type PostgresRevocationWatchOptions,
  postgresRevocationWatch,
} from '../../state/postgres/revocation-watch.ts'
export { type PostgresStoreSchemaOptions, postgresStoreSchema } from '../../state/postgres/schema.ts'
export type {
  ServerStores,
  SharedLimitStore,
  SharedPersonalKeyStore,
  SharedProcessedSets,
  SharedReplayStore,
  SharedRevocationStore,
  SharedStores,
} from '../../state/shared-stores.ts'
