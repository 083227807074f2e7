import sqlite from 'node-sqlite3-wasm'
import { onTestFinished } from 'vitest'
import type { SqliteDatabase } from '../../src/audit/sinks/sqlite/database.ts'

/**
 * Opens node-sqlite3-wasm with the interface of better-sqlite3; ends each statement after its use, like better-sqlite3.
 */
export function openDatabase(path: string): SqliteDatabase {
  const database = new sqlite.Database(path)
  onTestFinished(() => database.close())
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => ({
      run: (...values) => database.run(sql, [...values]),
      get: (...values) => database.get(sql, [...values]) ?? undefined,
      all: (...values) => database.all(sql, [...values]),
    }),
  }
}
