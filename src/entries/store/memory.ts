/**
 * `procura/store/memory`: what a service of one process has to remember.
 *
 * @module
 */

export { type MemoryReplayStoreOptions, memoryReplayStore, type ReplayStore } from '../../authorization/replay-store.ts'
export { type MemoryRevocationStoreOptions, memoryRevocationStore } from '../../revocation/memory-revocation-store.ts'
export type {
  RevocationEntry,
  RevocationRecord,
  RevocationRegistry,
  RevocationStore,
} from '../../revocation/revocation-store.ts'
