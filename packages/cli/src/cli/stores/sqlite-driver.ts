// node only: loads a package of the project
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { UsageError } from '../usage-error.ts'

/** A driver, with its options that open a file for reading. better-sqlite3 refuses the spelling of the others. */
export interface SqliteDriver<Database> {
  readonly open: new (file: string, options?: object) => Database & { close(): unknown }
  readonly reading: object
}

const betterSqlite = ['better-sqlite3', { readonly: true, fileMustExist: true }] as const
const wasm = ['node-sqlite3-wasm', { readOnly: true, fileMustExist: true }] as const
const ofNode = ['node:sqlite', { readOnly: true }] as const

/**
 * Loads a driver of SQLite. It is the one that the project has in whose folder the program runs: its service uses the
 * same one, and the locks of the drivers in WebAssembly are not those of the others. This package brings
 * node-sqlite3-wasm into each project, so it comes before the driver of Node only where the project names it.
 *
 * @throws UsageError when no driver is installed.
 */
export async function sqliteDriver<Database>(): Promise<SqliteDriver<Database>> {
  const manifest = join(process.cwd(), 'package.json')
  const { resolve } = createRequire(manifest)
  const others = (await names(manifest, 'node-sqlite3-wasm')) ? [wasm, ofNode] : [ofNode, wasm]
  for (const [name, reading] of [betterSqlite, ...others]) {
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

/** Whether a project names a package as one of its own. */
async function names(manifest: string, name: string): Promise<boolean> {
  try {
    const { dependencies, devDependencies } = JSON.parse(await readFile(manifest, 'utf8')) as Manifest
    return name in { ...dependencies, ...devDependencies }
  } catch {
    // There is no project, or its manifest cannot be read.
    return false
  }
}

interface Manifest {
  readonly dependencies?: object
  readonly devDependencies?: object
}

interface DriverModule<Opens> {
  readonly default?: Opens & { readonly Database?: Opens }
  readonly DatabaseSync?: Opens
}
