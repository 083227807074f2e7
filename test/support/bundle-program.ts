// node only: bundles a program

import { build } from 'esbuild'
import { platformAliases } from '../setup/entries.ts'

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
    alias: platformAliases(),
    external: [...external],
  })
  return outfile
}
