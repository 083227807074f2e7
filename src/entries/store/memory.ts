/**
 * `procura/store/memory`: the stores of a service that is one process.
 *
 * @module
 */

export type {
  LimitAnswer,
  LimitEntry,
  LimitRequest,
  LimitState,
  LimitStore,
  LimitStoreOptions,
} from '../../core/authorization/limits/limit-store.ts'
export {
  type MemoryLimitStore,
  type MemoryLimitStoreOptions,
  memoryLimitStore,
} from '../../core/authorization/limits/memory-limit-store.ts'
export { type MemoryStores, type MemoryStoresOptions, memoryStores } from '../../core/authorization/memory-stores.ts'
export {
  type ClaimOptions,
  type MemoryReplayStore,
  type MemoryReplayStoreOptions,
  memoryReplayStore,
  type ReplayStore,
} from '../../core/authorization/replay-store.ts'
export {
  type MemoryRevocationStore,
  type MemoryRevocationStoreOptions,
  memoryRevocationStore,
} from '../../core/revocation/memory-revocation-store.ts'
export type {
  AddRevocationOptions,
  RevocationEntry,
  RevocationRecord,
  RevocationRegistry,
  RevocationStore,
} from '../../core/revocation/revocation-store.ts'
