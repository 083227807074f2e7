import type { Database } from 'node-sqlite3-wasm'
import type { SqliteDatabase } from '../../src/support/sqlite.ts'

/** Gives node-sqlite3-wasm the interface of better-sqlite3. Like there, each statement ends after its use. */
export function likeBetterSqlite(database: Database): SqliteDatabase & { close(): void } {
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => ({
      run: (...values) => database.run(sql, [...values]),
      all: (...values) => database.all(sql, [...values]),
    }),
    close: () => database.close(),
  }
}
