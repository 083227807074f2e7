// node only: bundles a program

import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { platformAliases, root } from '../setup/entries.ts'

/** Bundles a program of the sources or the tests, so that each of its processes starts quickly. Returns its path. */
export async function bundleProgram(entry: string, outfile: string, external: readonly string[] = []): Promise<string> {
  // The `main` of some packages loads its parts by a `require` that bundlers do not see.
  const target = { platform: 'node', format: 'esm', target: 'node20' } as const
  await build({
    entryPoints: [entry],
    bundle: true,
    ...target,
    mainFields: ['module', 'main'],
    outfile,
    logLevel: 'error',
    alias: platformAliases(),
    external: [...external],
  })
  return outfile
}

/** Bundles `procura` into a folder, so that each of its processes starts quickly. Returns its path. */
export async function bundleProcura(folder: string): Promise<string> {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return bundleProgram(`${root}packages/cli/src/procura.ts`, join(folder, 'procura.mjs'), [
    'node-sqlite3-wasm',
    'undici',
  ])
}
