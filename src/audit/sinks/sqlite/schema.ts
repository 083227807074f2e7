import { isBusy, prepare, type SqliteDatabase } from '../../../support/sqlite.ts'

/**
 * `UNIQUE` on the previous hash keeps the log from forking. AUD-32: the triggers refuse any statement on rows except
 * the insertion of the next record. `REPLACE` removes rows without firing a trigger for deletions, so the trigger for
 * insertions refuses it.
 */
export function makeTable(database: SqliteDatabase, table: string): void {
  database.exec(`
    CREATE TABLE IF NOT EXISTS ${table} (
      sequence INTEGER PRIMARY KEY,
      hash TEXT NOT NULL UNIQUE,
      previous TEXT NOT NULL UNIQUE,
      line TEXT NOT NULL,
      outcome_of TEXT
    );
  `)
  addColumn(database, table)
  database.exec(`
    CREATE UNIQUE INDEX IF NOT EXISTS ${table}_outcome ON ${table} (outcome_of);
    CREATE TRIGGER IF NOT EXISTS ${table}_no_update BEFORE UPDATE ON ${table}
      BEGIN SELECT RAISE(ABORT, 'an audit log is not changed'); END;
    CREATE TRIGGER IF NOT EXISTS ${table}_no_delete BEFORE DELETE ON ${table}
      BEGIN SELECT RAISE(ABORT, 'an audit log is not changed'); END;
    CREATE TRIGGER IF NOT EXISTS ${table}_no_replace BEFORE INSERT ON ${table}
      WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM ${table})
        OR EXISTS (SELECT 1 FROM ${table} WHERE hash = NEW.hash OR previous = NEW.previous OR outcome_of = NEW.outcome_of)
      BEGIN SELECT RAISE(ABORT, 'an audit log is not changed'); END;
  `)
}

/**
 * Adds the column for the ended intent to a table of an earlier version. Another process may add it at the same time.
 */
function addColumn(database: SqliteDatabase, table: string): void {
  const columns = prepare(database, `SELECT name FROM pragma_table_info('${table}') WHERE name = ?`)
  const has = (): boolean => columns.all('outcome_of').length > 0
  if (has()) return
  try {
    database.exec(`ALTER TABLE ${table} ADD COLUMN outcome_of TEXT`)
  } catch (cause) {
    if (!has()) throw cause
  }
}

/** A table may exist in a read-only database. A lock of another writer is not an error. */
export function assertWritable(database: SqliteDatabase, table: string): void {
  try {
    database.exec(`DELETE FROM ${table} WHERE 0`)
  } catch (cause) {
    if (!isBusy(cause)) throw cause
  }
}

/** Milliseconds for which the set-up waits for other writers, unless the database waits longer. */
const setUpBusyMs = 1_000

/**
 * Runs the set-up of a log. It waits while another process writes, which each commit does for a moment: without a wait,
 * a process could not be started beside a busy one. The time that the database waits otherwise stays as it was.
 */
export function waitingForWriters<T>(database: SqliteDatabase, task: () => T): T {
  const [row] = prepare(database, 'PRAGMA busy_timeout').all()
  const { timeout } = Object(row) as { readonly timeout?: number | bigint }
  if (timeout === undefined || timeout >= setUpBusyMs) return task()
  database.exec(`PRAGMA busy_timeout = ${setUpBusyMs}`)
  try {
    return task()
  } finally {
    database.exec(`PRAGMA busy_timeout = ${timeout}`)
  }
}
