// node only: opens files
/**
 * `procura/service/file`: a service whose key, vault and log are in files, its stores in memory, and the end of its
 * process.
 *
 * @module
 */

export { type MemoryStores, memoryStores } from '../../core/authorization/memory-stores.ts'
export type { CallTaker } from '../../http/adapters/answer.ts'
export { type CallListener, listenForCalls } from '../../http/adapters/listen-for-calls.ts'
export { type ClosingService, closeAtSignal } from '../../service/close-at-signal.ts'
export { type BoundCommand, type CommandHandler, on } from '../../service/on.ts'
export { openFileService } from '../../service/open-file-service.ts'
