/**
 * Gzip where there is no Node: `CompressionStream`, and inflating in JavaScript.
 *
 * @module
 */

import { inflate } from './inflate.ts'
import { type InflateFault, readMember } from './member.ts'

/** Compresses. */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream('gzip'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** Inflates the one gzip member that `bytes` must be, into at most `maxBytes`. */
export function gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array | InflateFault {
  const member = readMember(bytes)
  if (member === undefined) return 'not_gzip'
  const contents = inflate(member.deflated, maxBytes)
  return typeof contents === 'string' || member.isOf(contents) ? contents : 'not_gzip'
}
