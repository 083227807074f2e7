// node only: HMAC

/**
 * `procura/store/sqlite`: stores for the processes of one machine.
 *
 * @module
 */

export type { CallAnswer, CallClaim, CallQuestion, CallStore } from '../../authorization/call-store.ts'
export type { EpochOptions } from '../../state/epoch.ts'
export type { StoreSecret } from '../../state/keyed-names.ts'
export type {
  ServerStores,
  SharedLimitStore,
  SharedPersonalKeyStore,
  SharedProcessedSets,
  SharedReplayStore,
  SharedRevocationStore,
  SharedStores,
} from '../../state/shared-stores.ts'
export type { SqliteConnectionOptions } from '../../state/sqlite/connection.ts'
export type { SqliteStoreDatabase, SqliteStoreStatement } from '../../state/sqlite/database.ts'
export { type PrepareSqliteStoresOptions, prepareSqliteStores } from '../../state/sqlite/prepare-sqlite-stores.ts'
export { type SqliteProcessedSetsOptions, sqliteProcessedSets } from '../../state/sqlite/sqlite-processed-sets.ts'
export { sqlitePersonalKeyStore } from '../../state/sqlite/sqlite-personal-key-store.ts'
export type { SqliteRevocationStore } from '../../state/sqlite/revocation-store.ts'
export { type SqliteStores, type SqliteStoresOptions, sqliteStores } from '../../state/sqlite/sqlite-stores.ts'
