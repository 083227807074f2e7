import type { SqliteDatabase } from '../../../src/support/sqlite.ts'

/** The drivers of SQLite, by the names of their modules. */
export type Driver = 'better-sqlite3' | 'node:sqlite' | 'bun:sqlite' | 'node-sqlite3-wasm'

/** A connection that its owner closes. */
export interface DriverDatabase extends SqliteDatabase {
  close(): unknown
}

type Opens = new (file: string) => DriverDatabase

interface DriverModule {
  readonly default?: Opens & { readonly Database?: Opens }
  readonly Database?: Opens
  readonly DatabaseSync?: Opens
}

/** Loads a driver, and returns how it opens a file. */
export async function loadDriver(driver: Driver): Promise<(file: string) => DriverDatabase> {
  const module = (await import(driver)) as DriverModule
  const found = module.DatabaseSync ?? module.default?.Database ?? module.Database ?? module.default
  if (found === undefined) throw new Error(`${driver} has no database`)
  return (file) => new found(file)
}
