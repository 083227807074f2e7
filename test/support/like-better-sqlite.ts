import type { Database } from 'node-sqlite3-wasm'
import type { OpenDatabase } from '../../src/audit/sinks/sqlite/database.ts'

/** Gives node-sqlite3-wasm the interface of better-sqlite3. Like there, each statement ends after its use. */
export function likeBetterSqlite(database: Database): OpenDatabase & { close(): void } {
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => ({
      run: (...values) => database.run(sql, [...values]),
      get: (...values) => database.get(sql, [...values]) ?? undefined,
      all: (...values) => database.all(sql, [...values]),
    }),
    close: () => database.close(),
  }
}
