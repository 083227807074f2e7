import sqlite from 'node-sqlite3-wasm'
import { onTestFinished } from 'vitest'
import type { SqliteDatabase } from '../../src/audit/sinks/sqlite-audit-sink.ts'

/** node-sqlite3-wasm in the shape of better-sqlite3, its statements ended after each use as they are there. */
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
