// node only: reads a database
import { readSqliteLines } from 'procura/audit/sqlite'
import { quote } from '#support/quote.ts'
import { sqliteDriver } from '../stores/sqlite-driver.ts'
import { UsageError } from '../usage-error.ts'

type Database = Parameters<typeof readSqliteLines>[0]

/** A log in SQLite that is open for reading. */
export interface SqliteLog {
  /** Yields the lines after a sequence number, oldest first. */
  lines(after: number): AsyncGenerator<string, void>
  close(): void
}

/**
 * Opens a log for reading.
 *
 * @throws UsageError when there is no driver, no file, or no such table in it.
 */
export async function openSqliteLog(file: string, table: string): Promise<SqliteLog> {
  const { open, reading } = await sqliteDriver<Database>()
  let database: InstanceType<typeof open> | undefined
  try {
    database = new open(file, reading)
    readSqliteLines(database, table, Number.MAX_SAFE_INTEGER).next()
  } catch (cause) {
    database?.close()
    // Drivers write the path as it is, and `quote` removes a password from it.
    const message = cause instanceof Error ? cause.message : ''
    const reason = message.includes(file) ? 'the database cannot be opened' : message
    throw new UsageError(
      `--sqlite: the table ${quote(table)} of ${quote(file, 256)} cannot be read (${reason}); check the path and --table`,
    )
  }
  const opened = database
  return {
    async *lines(after) {
      yield* readSqliteLines(opened, table, after)
    },
    close: () => opened.close(),
  }
}
