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
export { readJsonlLines, readJsonlRecords } from '../../audit/sinks/jsonl/read-jsonl-log.ts'
