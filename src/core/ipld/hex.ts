/**
 * Bytes as hexadecimal digits.
 *
 * @module
 */

import { base16 } from 'multiformats/bases/base16'
import { type Base, decodeDigits, maxDecodedBytes } from './base.ts'

const lowerHex: Base = { codec: base16, digits: /^[0-9a-f]*$/, bits: 4 }

/** Writes bytes as lower-case hexadecimal digits. */
export function encodeHex(bytes: Uint8Array): string {
  return base16.baseEncode(bytes)
}

/**
 * Reads lower-case hexadecimal digits.
 *
 * @param maxBytes - the most that the text may decode to; 256 KiB by default.
 * @throws MalformedError when the text is not as {@link encodeHex} writes it, or too long.
 */
export function decodeHex(text: string, maxBytes: number = maxDecodedBytes): Uint8Array {
  return decodeDigits(lowerHex, text, maxBytes)
}
