/**
 * Gzip where there is no Node: `CompressionStream` and `DecompressionStream`, bounded.
 *
 * @module
 */

import { concatBytes } from '../../ipld/concat.ts'
import { endsWithLength, type InflateFault } from './member.ts'

/** Compresses. */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await new Response(pipe(bytes, new CompressionStream('gzip'))).arrayBuffer())
}

/** Inflates the one gzip member that `bytes` must be, into at most `maxBytes`. */
export async function gunzip(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array | InflateFault> {
  const reader = pipe(bytes, new DecompressionStream('gzip')).getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      chunks.push(chunk.value)
      length += chunk.value.length
      if (length > maxBytes) {
        await reader.cancel()
        return 'too_large'
      }
    }
  } catch {
    return 'not_gzip'
  }
  return endsWithLength(bytes, length) ? concatBytes(chunks) : 'not_gzip'
}

function pipe(bytes: Uint8Array, transform: GenericTransformStream): ReadableStream<Uint8Array> {
  return new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(transform)
}
