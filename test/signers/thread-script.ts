// node only: bundles a program

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { root } from '../setup/entries.ts'

/** The program of the thread of a PKCS#11 module, bundled of the sources into one file: what somebody who bundles does with it. */
export interface ThreadScript {
  readonly url: URL
  remove(): void
}

/** Bundles it. */
export async function bundleThreadScript(): Promise<ThreadScript> {
  const folder = mkdtempSync(join(tmpdir(), 'procura-thread-'))
  const outfile = join(folder, 'thread.mjs')
  await build({
    absWorkingDir: root,
    entryPoints: ['src/entries/signer/pkcs11-thread.ts'],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    outfile,
  })
  return { url: pathToFileURL(outfile), remove: () => rmSync(folder, { recursive: true, force: true }) }
}
