/**
 * A SQLite database by its shape: better-sqlite3, `node:sqlite`, `bun:sqlite` and node-sqlite3-wasm have it.
 *
 * @module
 */

import { type OptionCheck, suchAs, withMethod } from './options.ts'

/** A value that is bound to a place of a statement. */
export type SqliteValue = string | number | Uint8Array | null

/** A prepared statement. Its methods take the values one by one, or those of node-sqlite3-wasm as a list. */
export interface SqliteStatement {
  run(...values: readonly never[]): unknown
  all(...values: readonly never[]): readonly unknown[]
}

/** The part of a database that is used. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
}

/** The check of an option that is a database. */
export const databaseCheck: OptionCheck = suchAs(
  (value) => withMethod('prepare')(value) && 'must be an open database',
  "`new Database('stores.db')` of better-sqlite3 or `new DatabaseSync('stores.db')` of node:sqlite",
)

/** A prepared statement of any driver. */
export interface Statement {
  /** Runs it and returns how many rows it changed. */
  run(...values: readonly SqliteValue[]): number
  /** Returns its rows. */
  all(...values: readonly SqliteValue[]): readonly Readonly<Record<string, unknown>>[]
}

/**
 * Prepares a statement. node-sqlite3-wasm, whose statements can be asked whether they are finalized, takes a list; one
 * that failed cannot be run again there.
 */
export function prepare(database: SqliteDatabase, sql: string): Statement {
  let statement = database.prepare(sql)
  const inList = 'isFinalized' in statement
  const ask = <T>(task: (values: readonly never[]) => T, values: readonly SqliteValue[]): T => {
    try {
      return task((inList ? [values] : values) as unknown as readonly never[])
    } catch (cause) {
      if (inList) statement = prepareAgain(statement)
      throw cause
    }
  }
  const prepareAgain = (failed: SqliteStatement): SqliteStatement => {
    try {
      ;(failed as { finalize?(): void }).finalize?.()
    } catch {
      // It reports the error of its last run once more.
    }
    return database.prepare(sql)
  }
  return {
    run(...values) {
      const result = ask((given) => statement.run(...given), values) as { readonly changes?: unknown } | undefined
      return Number(result?.changes)
    },
    all: (...values) => ask((given) => statement.all(...given), values) as readonly Readonly<Record<string, unknown>>[],
  }
}

/**
 * Whether another connection holds the lock of the database. SQLite has then committed nothing, and the same task can
 * succeed a moment later.
 */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && /database (table )?is (locked|busy)/i.test(error.message)
}

/** Milliseconds between two attempts while another process holds the database, doubled up to the last. */
const pauses = [1, 2, 4, 8, 16] as const

/**
 * Runs a task, and returns its result. If another connection holds the database, the task is tried again until the time
 * is over. The waiting is in turns of the event loop, not in SQLite, which would block the process.
 *
 * @param timeoutMs - how long other connections may hold the database.
 */
export function whenFree<T>(task: () => T, timeoutMs: number): T | Promise<T> {
  try {
    return task()
  } catch (cause) {
    if (!isBusy(cause)) throw cause
    return tryAgain(task, timeoutMs)
  }
}

async function tryAgain<T>(task: () => T, timeoutMs: number): Promise<T> {
  const start = performance.now()
  for (let attempt = 0; ; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, pauses[Math.min(attempt, pauses.length - 1)]))
    try {
      return task()
    } catch (cause) {
      if (!isBusy(cause) || performance.now() - start > timeoutMs) throw cause
    }
  }
}
