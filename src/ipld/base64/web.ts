/**
 * Base64url without a platform.
 *
 * @module
 */

import { MalformedError } from '../../errors.ts'
import { type Alphabet, alphabet, decodeDigits, encodeDigits } from '../radix.ts'

const base64urlAlphabet: Alphabet = /* @__PURE__ */ alphabet(
  'base64url',
  6,
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
)

/** Writes base64url without padding. */
export function encode(bytes: Uint8Array): string {
  return encodeDigits(base64urlAlphabet, bytes)
}

/** Reads base64url of `size` bytes; undefined when it is not as {@link encode} writes it. */
export function decode(text: string, size: number): Uint8Array | undefined {
  try {
    return decodeDigits(base64urlAlphabet, text, text.length, size)
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
}
