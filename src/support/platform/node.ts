// node only: uses node:buffer and node:zlib
/**
 * Base64 and gzip by the means of Node. Gzip is synchronous and bounded.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { gzipSync, inflateRawSync } from 'node:zlib'
import { type InflateFault, readMember } from './member.ts'

/** Writes bytes in base64 with padding, or in base64url without. */
export function encode(bytes: Uint8Array, alphabet: 'base64' | 'base64url'): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(alphabet)
}

/** Reads bytes; undefined when the text is not the one that {@link encode} writes for them. */
export function decode(text: string, alphabet: 'base64' | 'base64url'): Uint8Array | undefined {
  // Memory of its own: the bytes can be a key, and other buffers share memory.
  const bytes = new Uint8Array(Buffer.byteLength(text, alphabet))
  const buffer = Buffer.from(bytes.buffer)
  buffer.write(text, alphabet)
  // Node skips characters that are not digits, and bits left over. Such a text is not written back.
  return buffer.toString(alphabet) === text ? bytes : undefined
}

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
