// node only: uses node:fs
/**
 * Audit logs in files: `procura/audit/jsonl`.
 *
 * @module
 */

export {
  type JsonlAuditSink,
  type JsonlAuditSinkOptions,
  openJsonlAuditSink,
} from '../../audit/sinks/jsonl/jsonl-audit-sink.ts'
export type { FileState, LogFiles } from '../../audit/sinks/jsonl/log-files.ts'
export { type ReadJsonlOptions, readJsonlLines, readJsonlRecords } from '../../audit/sinks/jsonl/read-jsonl-log.ts'
