// node only: HMAC

/**
 * `procura/store/postgres`: stores for processes on any number of machines.
 *
 * @module
 */

export type { CallStore } from '../../core/authorization/call-store.ts'
export type { PostgresStoreClient } from '../../stores/postgres/connection.ts'
export { postgresPersonalKeyStore } from '../../stores/postgres/postgres-personal-key-store.ts'
export { postgresProcessedSets } from '../../stores/postgres/postgres-processed-sets.ts'
export { postgresStores } from '../../stores/postgres/postgres-stores.ts'
export { preparePostgresStores } from '../../stores/postgres/prepare-postgres-stores.ts'
export { postgresRevocationWatch } from '../../stores/postgres/revocation-watch.ts'
export { postgresStoreSchema } from '../../stores/postgres/schema.ts'
export type { ServerStores, SharedPersonalKeyStore, SharedProcessedSets } from '../../stores/shared-stores.ts'
