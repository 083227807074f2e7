// node only: HMAC

/**
 * `procura/store/sqlite`: stores for the processes of one machine.
 *
 * @module
 */

export type { CallAnswer, CallClaim, CallQuestion, CallStore } from '../../core/authorization/call-store.ts'
export type { EpochOptions } from '../../stores/epoch.ts'
export type { StoreSecret } from '../../stores/keyed-names.ts'
export type {
  ServerStores,
  SharedLimitStore,
  SharedPersonalKeyStore,
  SharedProcessedSets,
  SharedReplayStore,
  SharedRevocationStore,
  SharedStores,
} from '../../stores/shared-stores.ts'
export type { SqliteConnectionOptions } from '../../stores/sqlite/connection.ts'
export type { SqliteStoreDatabase, SqliteStoreStatement } from '../../stores/sqlite/database.ts'
export { type PrepareSqliteStoresOptions, prepareSqliteStores } from '../../stores/sqlite/prepare-sqlite-stores.ts'
export { type SqliteProcessedSetsOptions, sqliteProcessedSets } from '../../stores/sqlite/sqlite-processed-sets.ts'
export { sqlitePersonalKeyStore } from '../../stores/sqlite/sqlite-personal-key-store.ts'
export type { SqliteRevocationStore } from '../../stores/sqlite/revocation-store.ts'
export { type SqliteStores, type SqliteStoresOptions, sqliteStores } from '../../stores/sqlite/sqlite-stores.ts'
