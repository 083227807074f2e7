// node only: loads a package of the project
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { UsageError } from './usage-error.ts'

/** A driver, with its options that open a file for reading. better-sqlite3 refuses the spelling of the others. */
export interface SqliteDriver<Database> {
  readonly open: new (file: string, options?: object) => Database & { close(): unknown }
  readonly reading: object
}

const drivers = [
  ['better-sqlite3', { readonly: true, fileMustExist: true }],
  ['node-sqlite3-wasm', { readOnly: true, fileMustExist: true }],
  ['node:sqlite', { readOnly: true }],
] as const

/**
 * Loads a driver of SQLite. It is the one that the project has in whose folder the program runs: its service uses the
 * same one, and the locks of the drivers in WebAssembly are not those of the others.
 *
 * @throws UsageError when no driver is installed.
 */
export async function sqliteDriver<Database>(): Promise<SqliteDriver<Database>> {
  const { resolve } = createRequire(join(process.cwd(), 'package.json'))
  for (const [name, reading] of drivers) {
    let found: DriverModule<SqliteDriver<Database>['open']>
    try {
      found = await import(name.startsWith('node:') ? name : pathToFileURL(resolve(name)).href)
    } catch {
      // It is not installed, or this version of Node does not have it.
      continue
    }
    const open = found.DatabaseSync ?? found.default?.Database ?? found.default
    if (open !== undefined) return { open, reading }
  }
  throw new UsageError('--sqlite needs Node 22.13, or the package better-sqlite3 in this folder')
}

interface DriverModule<Opens> {
  readonly default?: Opens & { readonly Database?: Opens }
  readonly DatabaseSync?: Opens
}
