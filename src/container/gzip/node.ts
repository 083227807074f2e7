// node only: uses node:zlib
/**
 * Gzip on Node: synchronous, bounded.
 *
 * @module
 */

import { gunzipSync, gzipSync } from 'node:zlib'
import { endsWithLength, type InflateFault } from './member.ts'

/** Compresses. */
export function gzip(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(gzipSync(bytes))
}

/** Inflates the one gzip member that `bytes` must be, into at most `maxBytes`. */
export function gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array | InflateFault {
  let result: { buffer: Uint8Array; engine: { bytesWritten: number } }
  try {
    result = gunzipSync(bytes, { maxOutputLength: maxBytes, info: true }) as unknown as typeof result
  } catch (error) {
    return (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'not_gzip'
  }
  // Node inflates several members in a row, and skips what follows them.
  if (result.engine.bytesWritten !== bytes.length || !endsWithLength(bytes, result.buffer.length)) return 'not_gzip'
  return new Uint8Array(result.buffer)
}
