// node only: HMAC

/**
 * `procura/store/sqlite`: stores for the processes of one machine.
 *
 * @module
 */

export type { CallStore } from '../../core/authorization/call-store.ts'
export type { ServerStores, SharedPersonalKeyStore, SharedProcessedSets } from '../../stores/shared-stores.ts'
export { prepareSqliteStores } from '../../stores/sqlite/prepare-sqlite-stores.ts'
export { sqliteProcessedSets } from '../../stores/sqlite/sqlite-processed-sets.ts'
export { sqlitePersonalKeyStore } from '../../stores/sqlite/sqlite-personal-key-store.ts'
export { type SqliteStores, sqliteStores } from '../../stores/sqlite/sqlite-stores.ts'
export type { SqliteDatabase } from '../../support/sqlite.ts'
