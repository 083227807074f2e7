// node only: uses node:fs
/**
 * Audit logs in files: `procura/audit/jsonl`.
 *
 * @module
 */

export {
  type JsonlAuditSink,
  type JsonlAuditSinkOptions,
  jsonlAuditSink,
  type SyncPolicy,
} from './jsonl-audit-sink.ts'
export type { FileState, LogFiles } from './log-files.ts'
export { type ReadJsonlOptions, readJsonlLines, readJsonlRecords } from './read-jsonl-log.ts'
