// node only: uses node:zlib
/**
 * Gzip on Node: synchronous, bounded.
 *
 * @module
 */

import { gzipSync, inflateRawSync } from 'node:zlib'
import { type InflateFault, readMember } from './member.ts'

/** Compresses. */
export function gzip(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(gzipSync(bytes))
}

/** Inflates the one gzip member that `bytes` must be, into at most `maxBytes`. */
export function gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array | InflateFault {
  const member = readMember(bytes)
  if (member === undefined) return 'not_gzip'
  let result: { buffer: Uint8Array; engine: { bytesWritten: number } }
  try {
    result = inflateRawSync(member.deflated, { maxOutputLength: maxBytes, info: true }) as unknown as typeof result
  } catch (error) {
    return (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'not_gzip'
  }
  // Node ignores bytes after the last block.
  const whole = result.engine.bytesWritten === member.deflated.length
  return whole && member.isOf(result.buffer) ? new Uint8Array(result.buffer) : 'not_gzip'
}
