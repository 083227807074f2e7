// node only: writes to process.stdout
/**
 * `procura/audit/stdout`: a log on standard output.
 *
 * @module
 */

export { stdoutAuditSink } from '../../audit/sinks/stdout-audit-sink.ts'
