// node only: HMAC

/**
 * `procura/store/redis`: stores for processes on any number of machines.
 *
 * @module
 */

export type { CallAnswer, CallClaim, CallQuestion, CallStore } from '../../authorization/call-store.ts'
export type { EpochOptions } from '../../state/epoch.ts'
export type { StoreSecret } from '../../state/keyed-names.ts'
export type { CallingRedisClient, RedisStoreClient, SendingRedisClient } from '../../state/redis/client.ts'
export type { RedisConnectionOptions } from '../../state/redis/connection.ts'
export { type PrepareRedisStoresOptions, prepareRedisStores } from '../../state/redis/prepare-redis-stores.ts'
export { redisPersonalKeyStore } from '../../state/redis/redis-personal-key-store.ts'
export { type RedisProcessedSetsOptions, redisProcessedSets } from '../../state/redis/redis-processed-sets.ts'
export { type RedisStoresOptions, redisStores } from '../../state/redis/redis-stores.ts'
export {
  type RedisRevocationWatchOptions,
  type RedisSubscriber,
  redisRevocationWatch,
} from '../../state/redis/revocation-watch.ts'
export type {
  ServerStores,
  SharedLimitStore,
  SharedPersonalKeyStore,
  SharedProcessedSets,
  SharedReplayStore,
  SharedRevocationStore,
  SharedStores,
} from '../../state/shared-stores.ts'
