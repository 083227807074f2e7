// node only: reads files
/**
 * The vector files, read.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import type { Vector, VectorFile } from '../../spec/vectors/generator/vector.ts'
import { root } from '../setup/entries.ts'

/** The vectors of a file of `spec/vectors`. */
export function readVectors(name: 'valid.json' | 'hostile.json' | 'ucanto.json'): readonly Vector[] {
  return (JSON.parse(readFileSync(`${root}spec/vectors/${name}`, 'utf8')) as VectorFile).cases
}
