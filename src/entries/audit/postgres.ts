/**
 * `procura/audit/postgres`: a log in a PostgreSQL database.
 *
 * @module
 */

export {
  openPostgresAuditSink,
  type PostgresAuditSchemaOptions,
  type PostgresAuditSinkOptions,
  type PostgresConnection,
  type PostgresPool,
  type PostgresQueryable,
  postgresAuditSchema,
  postgresAuditSink,
  readPostgresLines,
} from '../../audit/sinks/postgres-audit-sink.ts'
