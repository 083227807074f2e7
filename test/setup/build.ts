// node only: runs the build

/**
 * Builds `dist` before the tests that need it, and only when it is missing or older than what it is made from. The new
 * one takes the place of the old in one step, so that several runs at once do not pull it away from each other.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readEntries, root } from './entries.ts'

/** What the test runner calls. Throws with the output of the build when it fails. */
export function setup(): void {
  if (isFresh()) return
  const scratch = mkdtempSync(`${root}node_modules/.build-`)
  try {
    const built = join(scratch, 'dist')
    const parameters = ['--import', 'tsx', `${root}test/tools/build.ts`, '--out-dir', built]
    const { status, stdout, stderr } = spawnSync(process.execPath, parameters, { cwd: root })
    if (status !== 0) throw new Error(`the build failed: ${stdout}${stderr}`)
    if (existsSync(`${root}dist`)) renameSync(`${root}dist`, join(scratch, 'old'))
    renameSync(built, `${root}dist`)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function isFresh(): boolean {
  const built = Object.keys(readEntries()).flatMap((name) => [`${root}dist/${name}.js`, `${root}dist/${name}.d.ts`])
  if (!built.every((file) => existsSync(file))) return false
  const oldest = Math.min(...built.map((file) => statSync(file).mtimeMs))
  const sources = readdirSync(`${root}src`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  return [...sources, `${root}package.json`, `${root}tsconfig.json`].every((file) => statSync(file).mtimeMs <= oldest)
}
