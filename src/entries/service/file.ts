// node only: opens files
/**
 * `procura/service/file`: a service whose key, vault and log are in files.
 *
 * @module
 */

export { type CloseAtSignalOptions, type ClosingService, closeAtSignal } from '../../service/close-at-signal.ts'
export { type BoundCommand, type CommandHandler, on } from '../../service/on.ts'
export { type FileAuditOptions, type FileServiceOptions, openFileService } from '../../service/open-file-service.ts'
export type { ClosableServer } from '../../support/watch-server.ts'
