import sqlite from 'node-sqlite3-wasm'
import { onTestFinished } from 'vitest'
import type { SqliteDatabase } from '../../src/support/sqlite.ts'
import { likeBetterSqlite } from '../support/like-better-sqlite.ts'

/** Opens a database in node-sqlite3-wasm, and closes it when the running test has finished. */
export function openDatabase(path: string): SqliteDatabase {
  const database = likeBetterSqlite(new sqlite.Database(path))
  onTestFinished(() => database.close())
  return database
}
