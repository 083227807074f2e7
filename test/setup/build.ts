// node only: runs the build

/**
 * Builds `dist` once before the tests that need it, and only when it is missing or older than what it is made from.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readEntries, root } from './entries.ts'

/** What the test runner calls. Throws with the output of the build when it fails. */
export function setup(): void {
  if (!isFresh())
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
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
