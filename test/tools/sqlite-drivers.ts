// node only: installs and runs programs

/**
 * `npm run test:sqlite`: the stores in SQLite with each driver: every conformance case, and whether a copy of a destroyed
 * key remains in a file.
 *
 * Drivers and runtimes come from npm into a cache folder: `PROCURA_MATRIX_CACHE`, or `procura-matrix` in the user's.
 *
 * @module
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Driver } from '../state/processes/open-driver.ts'
import { bundleProgram } from '../state/processes/verifiers.ts'
import { execute } from './execute.ts'

const cache = process.env['PROCURA_MATRIX_CACHE'] ?? join(homedir(), '.cache', 'procura-matrix')
const project = join(cache, 'sqlite')
const bin = join(project, 'node_modules', '.bin')
const packages = ['better-sqlite3@12', 'node-sqlite3-wasm@0.8', 'node@24', 'bun@1']

/** Each driver, and the program that runs it. */
const runs: readonly (readonly [driver: Driver, runtime: string])[] = [
  ['better-sqlite3', process.execPath],
  ['node-sqlite3-wasm', process.execPath],
  ['node:sqlite', join(bin, 'node')],
  ['bun:sqlite', join(bin, 'bun')],
]

mkdirSync(project, { recursive: true })
if (!existsSync(join(project, 'installed'))) {
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }\n')
  const installed = await execute(
    'npm',
    ['install', '--silent', '--no-save', '--no-package-lock', ...packages],
    project,
  )
  if (!installed.succeeded) throw new Error(installed.output)
  writeFileSync(join(project, 'installed'), '')
}
const conformance = join(project, 'conformance.mjs')
await bundleProgram(new URL('../state/processes/sqlite-conformance.ts', import.meta.url), conformance)
for (const [driver, runtime] of runs) {
  const { succeeded, output } = await execute(runtime, [conformance, driver], project)
  console.log(`${succeeded ? 'ok    ' : 'FAILED'} ${driver.padEnd(18)} ${output.trim()}`)
  if (!succeeded) process.exitCode = 1
}
