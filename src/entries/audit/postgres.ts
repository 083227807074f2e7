/**
 * Audit logs in PostgreSQL: `procura/audit/postgres`.
 *
 * @module
 */

export {
  openPostgresAuditSink,
  postgresAuditSink,
  readPostgresLines,
} from '../../audit/sinks/postgres/postgres-audit-sink.ts'
export { postgresAuditSchema } from '../../audit/sinks/postgres/schema.ts'
