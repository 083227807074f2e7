// node only: copies files

/**
 * The package `procura-vectors`: the folder `spec` without the generator of the vectors, under a manifest of its own.
 *
 * @module
 */

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './entries.ts'

/** Writes the package into a folder, with the version of this one. `npm publish` there publishes it. */
export function writeVectorsPackage(folder: string): void {
  mkdirSync(folder, { recursive: true })
  cpSync(`${root}packages/procura-vectors`, folder, { recursive: true })
  cpSync(`${root}LICENSE`, join(folder, 'LICENSE'))
  cpSync(`${root}spec`, join(folder, 'spec'), { recursive: true })
  const { version } = manifestOf(root)
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...manifestOf(folder), version }, undefined, 2)}\n`)
}

function manifestOf(folder: string): { readonly version: string } {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { readonly version: string }
}
