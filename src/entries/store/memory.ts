/**
 * `procura/store/memory`: the stores of a service that is one process.
 *
 * @module
 */

export type { LimitAnswer, LimitRequest, LimitStore } from '../../core/authorization/limits/limit-store.ts'
export { type MemoryLimitStore, memoryLimitStore } from '../../core/authorization/limits/memory-limit-store.ts'
export { type MemoryStores, memoryStores } from '../../core/authorization/memory-stores.ts'
export { type MemoryReplayStore, memoryReplayStore, type ReplayStore } from '../../core/authorization/replay-store.ts'
export { type MemoryRevocationStore, memoryRevocationStore } from '../../core/revocation/memory-revocation-store.ts'
export type {
  RevocationEntry,
  RevocationRecord,
  RevocationRegistry,
  RevocationStore,
} from '../../core/revocation/revocation-store.ts'
