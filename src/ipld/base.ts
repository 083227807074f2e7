/**
 * Bytes as text. Each decoder takes exactly the text that its encoder writes, so that one byte string has one spelling
 * in a base: no white space, no other alphabet, no missing or extra padding, no bits left over.
 *
 * @module
 */

import * as platform from '#base64'
import { type Alphabet, alphabet, decodeDigits, encodeDigits, noSymbol, textOf, tooLong, wrong } from './radix.ts'

/** How many bytes a text may decode to unless the caller says otherwise: the largest container. */
const maxDecodedBytes = 256 * 1024

/** The same for base58, whose cost grows with the square of the length: twice the longest key. */
const maxBase58Bytes = 128

const base64Alphabet: Alphabet = /* @__PURE__ */ alphabet(
  'base64',
  6,
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
)
const base32Alphabet: Alphabet = /* @__PURE__ */ alphabet('base32', 5, 'abcdefghijklmnopqrstuvwxyz234567')
const hexAlphabet: Alphabet = /* @__PURE__ */ alphabet('hex', 4, '0123456789abcdef')
const base58Alphabet: Alphabet = /* @__PURE__ */ alphabet(
  'base58btc',
  0,
  '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz',
)

/** Writes bytes in base64 with padding (RFC 4648, section 4). */
export function encodeBase64(bytes: Uint8Array): string {
  return encodeDigits(base64Alphabet, bytes) + '='.repeat((3 - (bytes.length % 3)) % 3)
}

/**
 * Reads base64 with padding.
 *
 * @param maxBytes - the most that the text may decode to; 256 KiB by default
 * @param start - characters that stand before it and are left out
 * @throws MalformedError when the text is not as {@link encodeBase64} writes it, or too long
 */
export function decodeBase64(text: string, maxBytes: number = maxDecodedBytes, start = 0): Uint8Array {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if ((text.length - start) % 4 !== 0) throw wrong('base64')
  const bytes = decodeDigits(base64Alphabet, text, text.length - padding, maxBytes, start)
  if ((bytes.length + padding) % 3 !== 0) throw wrong('base64')
  return bytes
}

/** Writes bytes in base64url without padding (RFC 4648, section 5). */
export function encodeBase64url(bytes: Uint8Array): string {
  return platform.encode(bytes)
}

/**
 * Reads base64url without padding.
 *
 * @param maxBytes - the most that the text may decode to; 256 KiB by default
 * @param start - characters that stand before it and are left out
 * @throws MalformedError when the text is not as `encodeBase64url` writes it, or too long
 */
export function decodeBase64url(text: string, maxBytes: number = maxDecodedBytes, start = 0): Uint8Array {
  const length = text.length - start
  const size = Math.floor((length * 6) / 8)
  if (size > maxBytes) throw tooLong('base64url', maxBytes)
  const bytes = platform.decode(text.slice(start), size)
  if (bytes === undefined) throw wrong('base64url')
  return bytes
}

/**
 * Writes bytes in lower-case base32 without padding, the usual text of a CID.
 *
 * @param prefix - what to begin with: the letter of a multibase
 */
export function encodeBase32(bytes: Uint8Array, prefix = ''): string {
  return encodeDigits(base32Alphabet, bytes, prefix)
}

/**
 * Reads lower-case base32 without padding.
 *
 * @param maxBytes - the most that the text may decode to; 256 KiB by default
 * @throws MalformedError when the text is not as {@link encodeBase32} writes it, or too long
 */
export function decodeBase32(text: string, maxBytes: number = maxDecodedBytes): Uint8Array {
  return decodeDigits(base32Alphabet, text, text.length, maxBytes)
}

/** Writes bytes as lower-case hexadecimal digits. */
export function encodeHex(bytes: Uint8Array): string {
  return encodeDigits(hexAlphabet, bytes)
}

/**
 * Reads lower-case hexadecimal digits.
 *
 * @param maxBytes - the most that the text may decode to; 256 KiB by default
 * @throws MalformedError when the text is not as {@link encodeHex} writes it, or too long
 */
export function decodeHex(text: string, maxBytes: number = maxDecodedBytes): Uint8Array {
  return decodeDigits(hexAlphabet, text, text.length, maxBytes)
}

/** Writes bytes in base58btc, without the multibase letter `z`. */
export function encodeBase58btc(bytes: Uint8Array): string {
  const zeros = leading(bytes.length, (i) => bytes[i] === 0)
  const limbs: number[] = []
  let group = 0
  let left = (bytes.length - zeros) % 3 || 3
  let factor = 1
  // Three bytes in, four digits a limb: the largest step whose products a double holds exactly.
  for (let i = zeros; i < bytes.length; i++) {
    group = group * 256 + (bytes[i] as number)
    factor *= 256
    if (--left > 0) continue
    multiplyAdd(limbs, factor, group, 58 ** 4)
    group = 0
    left = 3
    factor = 1
  }
  const digits = new Uint8Array(zeros + limbs.length * 4)
  let at = digits.length
  for (let rest of limbs) {
    for (let i = 0; i < 4; i++) {
      digits[--at] = rest % 58
      rest = Math.floor(rest / 58)
    }
  }
  // The top limb may not fill its four digits.
  const surplus = leading(digits.length, (i) => digits[i] === 0) - zeros
  return textOf(base58Alphabet, digits.subarray(surplus))
}

/**
 * Reads base58btc, without the multibase letter `z`.
 *
 * @param maxBytes - the most that the text may decode to; 128 by default
 * @throws MalformedError when a character is none of the alphabet, or the text is too long
 */
export function decodeBase58btc(text: string, maxBytes: number = maxBase58Bytes): Uint8Array {
  // A digit carries log2(58) = 5.858 bits. Checked before any work, which grows with the square of the length.
  if (text.length > Math.ceil((maxBytes * 8) / 5.857)) throw tooLong('base58btc', maxBytes)
  const zeros = leading(text.length, (i) => text.charCodeAt(i) === 0x31)
  const limbs: number[] = []
  let group = 0
  let left = (text.length - zeros) % 4 || 4
  let factor = 1
  for (let i = zeros; i < text.length; i++) {
    group = group * 58 + digitOf(base58Alphabet, text.charCodeAt(i))
    factor *= 58
    if (--left > 0) continue
    multiplyAdd(limbs, factor, group, 0x1000000)
    group = 0
    left = 4
    factor = 1
  }
  const top = limbs.at(-1) ?? 0x1000000
  const length = zeros + limbs.length * 3 - (top < 0x100 ? 2 : top < 0x10000 ? 1 : 0)
  if (length > maxBytes) throw tooLong('base58btc', maxBytes)
  const bytes = new Uint8Array(length)
  let at = length
  for (let rest of limbs) {
    for (let i = 0; i < 3 && at > zeros; i++) {
      bytes[--at] = rest & 0xff
      rest >>>= 8
    }
  }
  return bytes
}

/** How many places from the first on are so. */
function leading(length: number, matches: (index: number) => boolean): number {
  let count = 0
  while (count < length && matches(count)) count++
  return count
}

/** `number = number * factor + addend`, the number held in limbs below `base`, the least first. */
function multiplyAdd(limbs: number[], factor: number, addend: number, base: number): void {
  let carry = addend
  for (let i = 0; i < limbs.length; i++) {
    const product = (limbs[i] as number) * factor + carry
    carry = Math.floor(product / base)
    limbs[i] = product - carry * base
  }
  while (carry > 0) {
    const next = Math.floor(carry / base)
    limbs.push(carry - next * base)
    carry = next
  }
}

function digitOf(base: Alphabet, code: number): number {
  const value = base.values[code & 0x7f] as number
  if ((code | value) >= noSymbol) throw wrong(base.name)
  return value
}
