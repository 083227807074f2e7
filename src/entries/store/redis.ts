// node only: HMAC

/**
 * `procura/store/redis`: stores for processes on any number of machines.
 *
 * @module
 */

export type { CallAnswer, CallClaim, CallQuestion, CallStore } from '../../core/authorization/call-store.ts'
export type { EpochOptions } from '../../stores/epoch.ts'
export type { StoreSecret } from '../../stores/keyed-names.ts'
export type { CallingRedisClient, RedisStoreClient, SendingRedisClient } from '../../stores/redis/client.ts'
export type { RedisConnectionOptions } from '../../stores/redis/connection.ts'
export { type PrepareRedisStoresOptions, prepareRedisStores } from '../../stores/redis/prepare-redis-stores.ts'
export { redisPersonalKeyStore } from '../../stores/redis/redis-personal-key-store.ts'
export { type RedisProcessedSetsOptions, redisProcessedSets } from '../../stores/redis/redis-processed-sets.ts'
export { type RedisStoresOptions, redisStores } from '../../stores/redis/redis-stores.ts'
export {
  type RedisRevocationWatchOptions,
  type RedisSubscriber,
  redisRevocationWatch,
} from '../../stores/redis/revocation-watch.ts'
export type {
  ServerStores,
  SharedLimitStore,
  SharedPersonalKeyStore,
  SharedProcessedSets,
  SharedReplayStore,
  SharedRevocationStore,
  SharedStores,
} from '../../stores/shared-stores.ts'
