// node only: spools to files
/**
 * Audit records to an HTTP endpoint: `procura/audit/http`.
 *
 * @module
 */

export type { BackOff } from '../../audit/sinks/http/back-off.ts'
export { type HttpAuditSink, type HttpAuditSinkOptions, httpAuditSink } from '../../audit/sinks/http/http-audit-sink.ts'
