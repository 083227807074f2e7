// node only: uses node:buffer
/**
 * Base64 by the buffers of Node.
 *
 * @module
 */

import { Buffer } from 'node:buffer'

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
