// node only: opens files
/**
 * `procura/service/file`: a service whose key, vault and log are in files.
 *
 * @module
 */

export { type FileAuditOptions, type FileServiceOptions, openFileService } from '../../service/open-file-service.ts'
