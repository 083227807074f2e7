import type { Database } from 'node-sqlite3-wasm'
import { describe, expectTypeOf, it } from 'vitest'
import type { SqliteDatabase } from '../../src/support/sqlite.ts'

/** The types of better-sqlite3 (`@types/better-sqlite3` 7.6). */
interface BetterStatement<Parameters extends unknown[], Result> {
  run(...parameters: Parameters): { changes: number; lastInsertRowid: number | bigint }
  get(...parameters: Parameters): Result | undefined
  all(...parameters: Parameters): Result[]
}
interface BetterDatabase {
  exec(source: string): this
  prepare<Parameters extends unknown[] | object = unknown[], Result = unknown>(
    source: string,
  ): Parameters extends unknown[] ? BetterStatement<Parameters, Result> : BetterStatement<[Parameters], Result>
}

/** The types of `node:sqlite` (`@types/node` 24). */
type InputValue = null | number | bigint | string | NodeJS.ArrayBufferView
interface SyncStatement {
  run(...parameters: InputValue[]): { changes: number | bigint; lastInsertRowid: number | bigint }
  run(named: Record<string, InputValue>, ...parameters: InputValue[]): { changes: number | bigint }
  get(...parameters: InputValue[]): Record<string, unknown> | undefined
  get(named: Record<string, InputValue>, ...parameters: InputValue[]): Record<string, unknown> | undefined
  all(...parameters: InputValue[]): Record<string, unknown>[]
  all(named: Record<string, InputValue>, ...parameters: InputValue[]): Record<string, unknown>[]
}
interface DatabaseSync {
  exec(sql: string): void
  prepare(sql: string): SyncStatement
}

describe('a database of SQLite', () => {
  it('is one of each driver, for the log and for the stores', () => {
    expectTypeOf<Database>().toExtend<SqliteDatabase>()
    expectTypeOf<BetterDatabase>().toExtend<SqliteDatabase>()
    expectTypeOf<DatabaseSync>().toExtend<SqliteDatabase>()
  })
})
