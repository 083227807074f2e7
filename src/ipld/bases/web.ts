/**
 * Bases where there is no Node: base64 by `atob` and `btoa`.
 *
 * @module
 */

import { base32 } from 'multiformats/bases/base32'

/** Every engine supports a call with this many arguments. */
const mostArguments = 0x2000

/** Writes bytes in base64 with padding, or in base64url without. */
export function encode(bytes: Uint8Array, alphabet: 'base64' | 'base64url'): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += mostArguments) {
    binary += String.fromCharCode.apply(null, bytes.subarray(at, at + mostArguments) as unknown as number[])
  }
  return write(binary, alphabet)
}

/** Reads bytes; undefined when the text is not the one that {@link encode} writes for them. */
export function decode(text: string, alphabet: 'base64' | 'base64url'): Uint8Array | undefined {
  let binary: string
  try {
    binary = atob(alphabet === 'base64' ? text : text.replaceAll('-', '+').replaceAll('_', '/'))
  } catch {
    return undefined
  }
  // `atob` skips white space, missing padding and bits left over.
  if (write(binary, alphabet) !== text) return undefined
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

/**
 * Writes bytes in base32 with the letter `b` before it. The encoder joins single characters, which engines store as a
 * tree of 1,500 bytes for the text of a CID. Normalizing leaves the text as it is and stores it in 80.
 */
export function multibase32(bytes: Uint8Array): string {
  return base32.encode(bytes).normalize()
}

/** Elsewhere than on Node the size of the code counts, and the general decoder reads every text. */
export function decodeShortBase58(_text: string): Uint8Array | undefined {
  return undefined
}

function write(binary: string, alphabet: 'base64' | 'base64url'): string {
  const text = btoa(binary)
  return alphabet === 'base64' ? text : text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
