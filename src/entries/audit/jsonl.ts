// node only: uses node:fs
/**
 * `procura/audit/jsonl`: audit logs in files.
 *
 * @module
 */

export { type JsonlAuditSink, openJsonlAuditSink } from '../../audit/sinks/jsonl/jsonl-audit-sink.ts'
export { readJsonlLines, readJsonlRecords } from '../../audit/sinks/jsonl/read-jsonl-log.ts'
