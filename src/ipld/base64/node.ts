// node only: uses node:buffer
/**
 * Base64url by the buffers of Node: eight times faster, which is a third of what a call costs beside its signature.
 *
 * @module
 */

import { Buffer } from 'node:buffer'

/** Writes base64url without padding. */
export function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')
}

/** Reads base64url of `size` bytes; undefined when it is not as {@link encode} writes it. */
export function decode(text: string, size: number): Uint8Array | undefined {
  // Memory of its own: what is decoded can be a key, and buffers that are not asked for it share theirs.
  const bytes = new Uint8Array(size)
  const buffer = Buffer.from(bytes.buffer)
  buffer.write(text, 'base64url')
  // Node passes over what is no digit and over bits left over; what writes back the same had none of that.
  return buffer.toString('base64url') === text ? bytes : undefined
}
