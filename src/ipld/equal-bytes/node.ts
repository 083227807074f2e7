// node only: uses node:buffer
/**
 * The comparison of byte strings by Node: a tenth of the time that a loop takes.
 *
 * @module
 */

import { Buffer } from 'node:buffer'

/** Whether two byte strings are equal. Not for secrets: the comparison stops at the first difference. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}
