/** A prepared statement. Its methods take the values one by one, or those of node-sqlite3-wasm as a list. */
export interface SqliteStatement {
  run(...values: readonly never[]): unknown
  get(...values: readonly never[]): unknown
  all(...values: readonly never[]): readonly unknown[]
}

/** The part of a database that the sink uses, of better-sqlite3, `node:sqlite`, `bun:sqlite` or node-sqlite3-wasm. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
}

/** A prepared statement of any driver. */
export interface Statement {
  run(...values: readonly (string | number)[]): unknown
  get(...values: readonly (string | number)[]): unknown
  all(...values: readonly (string | number)[]): readonly unknown[]
}

/** A database of any driver. */
export interface OpenDatabase {
  exec(sql: string): unknown
  prepare(sql: string): Statement
}

/**
 * Makes the drivers alike. node-sqlite3-wasm, whose statements can be asked whether they are finalized, takes a list of
 * values; one of its statements that failed cannot be run again, so each use prepares its own.
 */
export function openDatabase(database: SqliteDatabase): OpenDatabase {
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql)
      if (!('isFinalized' in statement)) return statement as unknown as Statement
      finalize(statement)
      const once = (values: readonly unknown[]): readonly never[] => [values] as unknown as readonly never[]
      const use = <T>(task: (statement: SqliteStatement) => T): T => {
        const own = database.prepare(sql)
        try {
          return task(own)
        } finally {
          finalize(own)
        }
      }
      return {
        run: (...values) => use((own) => own.run(...once(values))),
        get: (...values) => use((own) => own.get(...once(values))),
        all: (...values) => use((own) => own.all(...once(values))),
      }
    },
  }
}

function finalize(statement: SqliteStatement): void {
  try {
    ;(statement as { finalize?(): void }).finalize?.()
  } catch {
    // It reports the error of its last run once more.
  }
}
