// node only: installs and runs programs

/**
 * `npm run test:sqlite`: the stores in SQLite with each driver: every conformance case, and whether a copy of a destroyed
 * key remains in a file.
 *
 * Drivers and runtimes come from npm into a cache folder: `PROCURA_MATRIX_CACHE`, or `procura-matrix` in the user's.
 *
 * @module
 */

import { join } from 'node:path'
import { root } from '../setup/entries.ts'
import type { Driver } from '../state/processes/open-driver.ts'
import { bundleProgram } from '../support/bundle-program.ts'
import { execute } from './execute.ts'
import { installPackages } from './install-packages.ts'

const packages = ['better-sqlite3@12', 'node-sqlite3-wasm@0.8', 'node@24', 'bun@1']
const project = await installPackages('sqlite', packages)
const bin = join(project, 'node_modules', '.bin')

/** Each driver, and the program that runs it. */
const runs: readonly (readonly [driver: Driver, runtime: string])[] = [
  ['better-sqlite3', process.execPath],
  ['node-sqlite3-wasm', process.execPath],
  ['node:sqlite', join(bin, 'node')],
  ['bun:sqlite', join(bin, 'bun')],
]

const conformance = join(project, 'conformance.mjs')
await bundleProgram(`${root}test/state/processes/sqlite-conformance.ts`, conformance, ['pg', 'ioredis'])
for (const [driver, runtime] of runs) {
  const { succeeded, output } = await execute(runtime, [conformance, driver], project)
  console.log(`${succeeded ? 'ok    ' : 'FAILED'} ${driver.padEnd(18)} ${output.trim()}`)
  if (!succeeded) process.exitCode = 1
}
