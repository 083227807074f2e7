// node only: HMAC

/**
 * `procura/store/postgres`: stores for processes on any number of machines.
 *
 * @module
 */

export type { CallAnswer, CallClaim, CallQuestion, CallStore } from '../../core/authorization/call-store.ts'
export type { EpochOptions } from '../../stores/epoch.ts'
export type { StoreSecret } from '../../stores/keyed-names.ts'
export type { PostgresConnectionOptions, PostgresStoreClient } from '../../stores/postgres/connection.ts'
export { postgresPersonalKeyStore } from '../../stores/postgres/postgres-personal-key-store.ts'
export {
  type PostgresProcessedSetsOptions,
  postgresProcessedSets,
} from '../../stores/postgres/postgres-processed-sets.ts'
export { type PostgresStoresOptions, postgresStores } from '../../stores/postgres/postgres-stores.ts'
export {
  type PreparePostgresStoresOptions,
  preparePostgresStores,
} from '../../stores/postgres/prepare-postgres-stores.ts'
export {
  type PostgresListener,
  type PostgresRevocationWatchOptions,
  postgresRevocationWatch,
} from '../../stores/postgres/revocation-watch.ts'
export { type PostgresStoreSchemaOptions, postgresStoreSchema } from '../../stores/postgres/schema.ts'
export type {
  ServerStores,
  SharedLimitStore,
  SharedPersonalKeyStore,
  SharedProcessedSets,
  SharedReplayStore,
  SharedRevocationStore,
  SharedStores,
} from '../../stores/shared-stores.ts'
