// node only: uses node:buffer
/**
 * Bases by the means of Node: base64 by its buffers, and short texts of base58 by arithmetic on larger numbers.
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

/** The character codes of the digits of base32 (RFC 4648, section 6, in lower case). */
const digits32 = Uint8Array.from('abcdefghijklmnopqrstuvwxyz234567', (digit) => digit.charCodeAt(0))

/**
 * Writes bytes in base32 without padding, with the letter `b` before it, in a third of the time of `multiformats` and
 * as one piece of memory: that encoder joins single characters. A service names each new delegation, and a record
 * contains the name of each token of a call.
 */
export function multibase32(bytes: Uint8Array): string {
  const text = Buffer.allocUnsafe(1 + Math.ceil((bytes.length * 8) / 5))
  text[0] = 0x62
  let at = 0
  let to = 1
  // Five bytes are eight digits.
  for (; at + 5 <= bytes.length; at += 5, to += 8) {
    const [a, b, c, d, e] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3], bytes[at + 4]] as Five
    text[to] = digits32[a >> 3] as number
    text[to + 1] = digits32[((a << 2) | (b >> 6)) & 31] as number
    text[to + 2] = digits32[(b >> 1) & 31] as number
    text[to + 3] = digits32[((b << 4) | (c >> 4)) & 31] as number
    text[to + 4] = digits32[((c << 1) | (d >> 7)) & 31] as number
    text[to + 5] = digits32[(d >> 2) & 31] as number
    text[to + 6] = digits32[((d << 3) | (e >> 5)) & 31] as number
    text[to + 7] = digits32[e & 31] as number
  }
  let rest = 0
  let bits = 0
  for (; at < bytes.length; at++) {
    rest = (rest << 8) | (bytes[at] as number)
    for (bits += 8; bits >= 5; bits -= 5) text[to++] = digits32[(rest >>> (bits - 5)) & 31] as number
  }
  if (bits > 0) text[to] = digits32[(rest << (5 - bits)) & 31] as number
  return text.toString('latin1')
}

type Five = [number, number, number, number, number]

/** Longest text that {@link decodeShortBase58} reads: the longest `did:key` has 49 digits. */
const mostDigits = 64
/** Four digits and a limb of three bytes fit into the 53 bits of a number. */
const digitsAtATime = 4
const limbSize = 2 ** 24
const limbBytes = 3

/** The value of each digit of base58btc, by its character code; -1 for other characters of ASCII. */
const digitValues: Int8Array = Int8Array.from({ length: 128 }, (_, code) =>
  '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'.indexOf(String.fromCharCode(code)),
)

/**
 * Reads base58btc of a key in a sixth of the time of the decoder of `multiformats`, which carries a byte a digit. A
 * service reads every new DID, and an issuer each audience.
 *
 * @returns undefined for a longer text, and for one with another character. The general decoder reads those, or refuses
 *   them.
 */
export function decodeShortBase58(text: string): Uint8Array | undefined {
  const { length } = text
  if (length > mostDigits) return undefined
  let zeros = 0
  while (zeros < length && text.charCodeAt(zeros) === 0x31) zeros++
  /** The number in limbs of 24 bits, the least first. */
  const limbs: number[] = []
  for (let at = zeros; at < length; ) {
    let factor = 1
    let carry = 0
    for (const end = Math.min(at + digitsAtATime, length); at < end; at++) {
      const value = digitValues[text.charCodeAt(at)] ?? -1
      if (value < 0) return undefined
      factor *= 58
      carry = carry * 58 + value
    }
    for (let index = 0; index < limbs.length; index++) {
      const sum = (limbs[index] as number) * factor + carry
      carry = Math.floor(sum / limbSize)
      limbs[index] = sum - carry * limbSize
    }
    if (carry > 0) limbs.push(carry)
  }
  return bytesOf(limbs, zeros)
}

/** The bytes of a number, the greatest first, after so many zeros. */
function bytesOf(limbs: readonly number[], zeros: number): Uint8Array {
  const top = limbs.at(-1) ?? 0
  const topBytes = top >= 0x1_00_00 ? limbBytes : top >= 0x1_00 ? 2 : top > 0 ? 1 : 0
  const bytes = new Uint8Array(zeros + Math.max(0, limbs.length - 1) * limbBytes + topBytes)
  let at = bytes.length
  for (const limb of limbs) {
    for (let shift = 0; shift < 24 && at > zeros; shift += 8) bytes[--at] = limb >>> shift
  }
  return bytes
}
