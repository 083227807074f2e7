/**
 * Gzip where there is no Node, by the streams of the platform. Inflating is loaded when the first compressed container
 * arrives.
 *
 * @module
 */

import type { InflateFault } from './member.ts'

/** Compresses. */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream('gzip'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** Inflates the one gzip member that `bytes` must be, into at most `maxBytes`. */
export async function gunzip(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array | InflateFault> {
  const platform = await import('./gunzip.ts')
  return platform.gunzip(bytes, maxBytes)
}
