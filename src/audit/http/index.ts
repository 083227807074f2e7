// node only: spools to files
/**
 * Audit records to an HTTP endpoint: `procura/audit/http`.
 *
 * @module
 */

export type { BackOff } from './back-off.ts'
export { type HttpAuditSink, type HttpAuditSinkOptions, httpAuditSink } from './http-audit-sink.ts'
