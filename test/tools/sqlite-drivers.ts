// node only: installs and runs programs

/**
 * `npm run test:sqlite`: the stores in SQLite with each driver: every conformance case, and whether a copy of a
 * destroyed key remains in a file.
 *
 * Drivers and runtimes come from npm into a cache folder: `PROCURA_MATRIX_CACHE`, or `procura-matrix` in the user's.
 *
 * @module
 */

import { join } from 'node:path'
import { root } from '../setup/entries.ts'
import type { Driver } from '../stores/processes/open-driver.ts'
import { bundleProgram } from '../support/bundle-program.ts'
import { execute } from './execute.ts'
import { installPackages } from './install-packages.ts'

const packages = ['better-sqlite3@12', 'node-sqlite3-wasm@0.8', 'node@24', 'bun@1']
const project = await installPackages('sqlite', packages)
const bin = join(project, 'node_modules', '.bin')

/** A version of Node in a folder of its own. */
const node = async (major: number): Promise<string> =>
  join(await installPackages(`node@${major}`, [`node@${major}`]), 'node_modules', '.bin', 'node')

/** Each driver, and the program that runs it. */
const runs: readonly (readonly [driver: Driver, runtime: string])[] = [
  ['better-sqlite3', process.execPath],
  ['node-sqlite3-wasm', process.execPath],
  ['node:sqlite', await node(22)],
  ['node:sqlite', join(bin, 'node')],
  ['node:sqlite', await node(26)],
  ['bun:sqlite', join(bin, 'bun')],
]

const conformance = join(project, 'conformance.mjs')
await bundleProgram(`${root}test/stores/processes/sqlite-conformance.ts`, conformance, ['pg', 'ioredis'])
for (const [driver, runtime] of runs) {
  const version = (await execute(runtime, ['--version'], project)).stdout.trim()
  const { succeeded, stdout, output } = await execute(runtime, [conformance, driver], project)
  const shown = (succeeded ? stdout : output).trim()
  console.log(`${succeeded ? 'ok    ' : 'FAILED'} ${driver.padEnd(18)} ${version.padEnd(9)} ${shown}`)
  if (!succeeded) process.exitCode = 1
}
