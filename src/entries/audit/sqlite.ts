/**
 * `procura/audit/sqlite`: a log in a SQLite database.
 *
 * @module
 */

export { readSqliteLines, sqliteAuditSink } from '../../audit/sinks/sqlite/sqlite-audit-sink.ts'
