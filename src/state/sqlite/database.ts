/**
 * A SQLite database by its shape: better-sqlite3, `node:sqlite`, `bun:sqlite` and node-sqlite3-wasm have it.
 *
 * @module
 */

/** A value that is bound to a place of a statement. */
export type SqliteValue = string | number | Uint8Array | null

/** A prepared statement. Its methods take the values one by one, or those of node-sqlite3-wasm as a list. */
export interface SqliteStoreStatement {
  run(...values: readonly never[]): unknown
  all(...values: readonly never[]): readonly unknown[]
}

/** The part of a database that the stores use. */
export interface SqliteStoreDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStoreStatement
}

/** A prepared statement of any driver. */
export interface Statement {
  /** Runs it and returns how many rows it changed. */
  run(...values: readonly SqliteValue[]): number
  /** Returns its rows. */
  all(...values: readonly SqliteValue[]): readonly Readonly<Record<string, unknown>>[]
}

/** Prepares a statement. node-sqlite3-wasm, whose statements can be asked whether they are finalized, takes a list. */
export function prepare(database: SqliteStoreDatabase, sql: string): Statement {
  const statement = database.prepare(sql)
  const inList = 'isFinalized' in statement
  const valuesFor = (values: readonly SqliteValue[]): readonly never[] =>
    (inList ? [values] : values) as unknown as readonly never[]
  return {
    run(...values) {
      const result = statement.run(...valuesFor(values)) as { readonly changes?: unknown } | undefined
      return Number(result?.changes)
    },
    all: (...values) => statement.all(...valuesFor(values)) as readonly Readonly<Record<string, unknown>>[],
  }
}

/** Whether another connection holds the database: the same task can succeed a moment later. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && /database (table )?is (locked|busy)/i.test(error.message)
}
