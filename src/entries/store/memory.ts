/**
 * `procura/store/memory`: the stores of a service that is one process.
 *
 * @module
 */

export { type MemoryStores, type MemoryStoresOptions, memoryStores } from '../../authorization/memory-stores.ts'
export {
  type ClaimOptions,
  type MemoryReplayStoreOptions,
  memoryReplayStore,
  type ReplayStore,
} from '../../authorization/replay-store.ts'
export { type MemoryRevocationStoreOptions, memoryRevocationStore } from '../../revocation/memory-revocation-store.ts'
export type {
  RevocationEntry,
  RevocationRecord,
  RevocationRegistry,
  RevocationStore,
} from '../../revocation/revocation-store.ts'
