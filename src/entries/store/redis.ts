// node only: HMAC

/**
 * `procura/store/redis`: stores for processes on any number of machines.
 *
 * @module
 */

export type { CallStore } from '../../core/authorization/call-store.ts'
export type { RedisStoreClient } from '../../stores/redis/client.ts'
export { prepareRedisStores } from '../../stores/redis/prepare-redis-stores.ts'
export { redisPersonalKeyStore } from '../../stores/redis/redis-personal-key-store.ts'
export { redisProcessedSets } from '../../stores/redis/redis-processed-sets.ts'
export { redisStores } from '../../stores/redis/redis-stores.ts'
export { redisRevocationWatch } from '../../stores/redis/revocation-watch.ts'
export type { ServerStores, SharedPersonalKeyStore, SharedProcessedSets } from '../../stores/shared-stores.ts'
