// node only: runs the build

/**
 * Builds `dist` and `packages/cli/dist` before the tests that need it, and only when one is missing or older than its sources. Each new folder
 * replaces the old one in one step, so that several runs at once do not disturb each other. The tests run the scripts
 * alone; the type declarations take ten times as long to write, and `npm run check` and the matrix ask for them.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readEntries, root } from './entries.ts'

/** Called by the test runner: builds the scripts. Throws with the output of the build when it fails. */
export function setup(): void {
  build(['.js'], ['--no-dts'])
}

/** Builds the scripts if there is no page for approvals: tests of the sources serve it, and its age does not matter. */
export function buildPage(): void {
  if (!existsSync(`${root}dist/approval/page.html`)) setup()
}

/** Builds the scripts and the declarations. Throws with the output of the build when it fails. */
export function buildPackage(): void {
  build(['.js', '.d.ts'], [])
}

function build(extensions: readonly string[], flags: readonly string[]): void {
  if (isFresh(extensions)) return
  const scratch = mkdtempSync(`${root}node_modules/.build-`)
  try {
    const built = join(scratch, 'dist')
    const builtCli = join(scratch, 'cli')
    const folders = ['--out-dir', built, '--cli-out-dir', builtCli]
    const parameters = ['--import', 'tsx', `${root}test/tools/build.ts`, ...folders, ...flags]
    const { status, stdout, stderr } = spawnSync(process.execPath, parameters, { cwd: root })
    if (status !== 0) throw new Error(`the build failed: ${stdout}${stderr}`)
    const replaced = [
      [`${root}dist`, built, 'old'],
      [`${root}packages/cli/dist`, builtCli, 'old-cli'],
    ] as const
    for (const [place, next, old] of replaced) {
      if (existsSync(place)) renameSync(place, join(scratch, old))
      renameSync(next, place)
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function isFresh(extensions: readonly string[]): boolean {
  const names = Object.keys(readEntries())
  const files = [...names.map((name) => `${root}dist/${name}`), `${root}packages/cli/dist/index`]
  const built = files.flatMap((file) => extensions.map((extension) => file + extension))
  if (!built.every((file) => existsSync(file))) return false
  const oldest = Math.min(...built.map((file) => statSync(file).mtimeMs))
  const sources = [`${root}src`, `${root}packages/cli/src`]
    .flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  return [...sources, `${root}package.json`, `${root}tsconfig.json`].every((file) => statSync(file).mtimeMs <= oldest)
}
