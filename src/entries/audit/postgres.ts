/**
 * `procura/audit/postgres`: audit logs in PostgreSQL.
 *
 * @module
 */

export type { PostgresPool, PostgresQueryable } from '../../audit/sinks/postgres/pool.ts'
export {
  openPostgresAuditSink,
  postgresAuditSink,
  readPostgresLines,
} from '../../audit/sinks/postgres/postgres-audit-sink.ts'
export { postgresAuditSchema } from '../../audit/sinks/postgres/schema.ts'
