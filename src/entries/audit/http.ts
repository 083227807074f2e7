// node only: spools to files
/**
 * Audit records to an HTTP endpoint: `procura/audit/http`.
 *
 * @module
 */

export { type HttpAuditSink, openHttpAuditSink } from '../../audit/sinks/http/http-audit-sink.ts'
