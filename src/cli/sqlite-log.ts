// node only: reads a database
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { readSqliteLines } from '../audit/sinks/sqlite/sqlite-audit-sink.ts'
import { quote } from '../support/quote.ts'
import { UsageError } from './usage-error.ts'

type Database = Parameters<typeof readSqliteLines>[0] & { close(): unknown }
type Opens = new (file: string, options: object) => Database

/** A driver, with its options that open a file for reading. better-sqlite3 refuses the spelling of the others. */
interface Driver {
  readonly open: Opens
  readonly reading: object
}

/** A log in SQLite that is open for reading. */
export interface SqliteLog {
  /** Yields the lines after a sequence number, oldest first. */
  lines(after: number): AsyncGenerator<string, void>
  close(): void
}

/**
 * Opens a log for reading. The driver is the one that the project has in whose folder the program runs: a service that
 * writes to the log uses the same one, and the locks of the drivers in WebAssembly are not those of the others.
 *
 * @throws UsageError when there is no driver, no file, or no such table in it.
 */
export async function openSqliteLog(file: string, table: string): Promise<SqliteLog> {
  const { open, reading } = await loadDriver()
  let database: Database | undefined
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

const drivers = [
  ['better-sqlite3', { readonly: true, fileMustExist: true }],
  ['node-sqlite3-wasm', { readOnly: true, fileMustExist: true }],
  ['node:sqlite', { readOnly: true }],
] as const

async function loadDriver(): Promise<Driver> {
  const { resolve } = createRequire(join(process.cwd(), 'package.json'))
  for (const [name, reading] of drivers) {
    let found: DriverModule
    try {
      found = (await import(name.startsWith('node:') ? name : pathToFileURL(resolve(name)).href)) as DriverModule
    } catch {
      // It is not installed, or this version of Node does not have it.
      continue
    }
    const open = found.DatabaseSync ?? found.default?.Database ?? found.default
    if (open !== undefined) return { open, reading }
  }
  throw new UsageError('--sqlite needs Node 22.13, or the package better-sqlite3 in this folder')
}

interface DriverModule {
  readonly default?: Opens & { readonly Database?: Opens }
  readonly DatabaseSync?: Opens
}
