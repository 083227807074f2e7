/**
 * `procura/audit/sqlite`: a log in a SQLite database.
 *
 * @module
 */

export {
  readSqliteLines,
  type SqliteAuditSinkOptions,
  type SqliteDatabase,
  type SqliteStatement,
  sqliteAuditSink,
} from '../../audit/sinks/sqlite-audit-sink.ts'
