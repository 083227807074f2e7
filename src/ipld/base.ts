/**
 * Bytes as text. Each decoder takes exactly the text that its encoder writes, so that one byte string has one spelling
 * in a base: no white space, no other alphabet, no missing or extra padding, no bits left over.
 *
 * @module
 */

import { MalformedError } from '../errors.ts'

/** How many bytes a text may decode to unless the caller says otherwise: the largest container. */
const maxDecodedBytes = 256 * 1024

/** The same for base58, whose cost grows with the square of the length: twice the longest key. */
const maxBase58Bytes = 128

/** One of the alphabets whose size is a power of two (RFC 4648). */
interface Alphabet {
  readonly name: string
  readonly symbols: string
  readonly bits: number
  /** Number that a character code stands for; 255 when for none. */
  readonly values: Uint8Array
}

const base64Alphabet: Alphabet = /* @__PURE__ */ alphabet(
  'base64',
  6,
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
)
const base64urlAlphabet: Alphabet = /* @__PURE__ */ alphabet(
  'base64url',
  6,
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
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
  return encode(base64Alphabet, bytes) + '='.repeat((3 - (bytes.length % 3)) % 3)
}

/**
 * Reads base64 with padding.
 *
 * @param maxBytes - the most that the text may decode to; 256 KiB by default
 * @throws MalformedError ENC-01 when the text is not as {@link encodeBase64} writes it, ENC-02 when it is too long
 */
export function decodeBase64(text: string, maxBytes: number = maxDecodedBytes): Uint8Array {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if (text.length % 4 !== 0) throw wrong(base64Alphabet)
  const bytes = decode(base64Alphabet, text, text.length - padding, maxBytes)
  if ((bytes.length + padding) % 3 !== 0) throw wrong(base64Alphabet)
  return bytes
}

/** Writes bytes in base64url without padding (RFC 4648, section 5). */
export function encodeBase64url(bytes: Uint8Array): string {
  return encode(base64urlAlphabet, bytes)
}

/**
 * Reads base64url without padding.
 *
 * @param maxBytes - the most that the text may decode to; 256 KiB by default
 * @throws MalformedError ENC-01 when the text is not as {@link encodeBase64url} writes it, ENC-02 when it is too long
 */
export function decodeBase64url(text: string, maxBytes: number = maxDecodedBytes): Uint8Array {
  return decode(base64urlAlphabet, text, text.length, maxBytes)
}

/** Writes bytes in lower-case base32 without padding, the usual text of a CID. */
export function encodeBase32(bytes: Uint8Array): string {
  return encode(base32Alphabet, bytes)
}

/**
 * Reads lower-case base32 without padding.
 *
 * @param maxBytes - the most that the text may decode to; 256 KiB by default
 * @throws MalformedError ENC-01 when the text is not as {@link encodeBase32} writes it, ENC-02 when it is too long
 */
export function decodeBase32(text: string, maxBytes: number = maxDecodedBytes): Uint8Array {
  return decode(base32Alphabet, text, text.length, maxBytes)
}

/** Writes bytes as lower-case hexadecimal digits. */
export function encodeHex(bytes: Uint8Array): string {
  return encode(hexAlphabet, bytes)
}

/**
 * Reads lower-case hexadecimal digits.
 *
 * @param maxBytes - the most that the text may decode to; 256 KiB by default
 * @throws MalformedError ENC-01 when the text is not as {@link encodeHex} writes it, ENC-02 when it is too long
 */
export function decodeHex(text: string, maxBytes: number = maxDecodedBytes): Uint8Array {
  return decode(hexAlphabet, text, text.length, maxBytes)
}

/** Writes bytes in base58btc, without the multibase letter `z`. */
export function encodeBase58btc(bytes: Uint8Array): string {
  let zeros = 0
  while (zeros < bytes.length && bytes[zeros] === 0) zeros++
  // Three bytes in, four digits out: the largest step whose products a double holds exactly.
  const limbs: number[] = []
  for (let end = zeros + ((bytes.length - zeros) % 3 || 3), start = zeros; start < bytes.length; start = end, end += 3) {
    let carry = 0
    for (let i = start; i < end; i++) carry = carry * 256 + (bytes[i] as number)
    multiplyAdd(limbs, 2 ** (8 * (end - start)), carry, 58 ** 4)
  }
  let text = ''
  for (const limb of limbs) {
    let rest = limb
    for (let i = 0; i < 4; i++) {
      text = base58Alphabet.symbols.charAt(rest % 58) + text
      rest = Math.floor(rest / 58)
    }
  }
  let leading = 0
  while (leading < text.length && text.charCodeAt(leading) === 0x31) leading++
  return '1'.repeat(zeros) + text.slice(leading)
}

/**
 * Reads base58btc, without the multibase letter `z`.
 *
 * @param maxBytes - the most that the text may decode to; 128 by default
 * @throws MalformedError ENC-01 when a character is none of the alphabet, ENC-02 when the text is too long
 */
export function decodeBase58btc(text: string, maxBytes: number = maxBase58Bytes): Uint8Array {
  // A digit carries log2(58) = 5.858 bits; leading ones carry eight. Checked before any work is done.
  if (text.length > Math.ceil(maxBytes * 1.3658)) throw tooLong(base58Alphabet, maxBytes)
  let zeros = 0
  while (zeros < text.length && text.charCodeAt(zeros) === 0x31) zeros++
  const limbs: number[] = []
  for (let end = zeros + ((text.length - zeros) % 4 || 4), start = zeros; start < text.length; start = end, end += 4) {
    let carry = 0
    for (let i = start; i < end; i++) carry = carry * 58 + valueOf(base58Alphabet, text.charCodeAt(i))
    multiplyAdd(limbs, 58 ** (end - start), carry, 0x1000000)
  }
  const top = limbs.at(-1) ?? 0
  const unused = limbs.length === 0 ? 0 : top < 0x100 ? 2 : top < 0x10000 ? 1 : 0
  const length = zeros + limbs.length * 3 - unused
  if (length > maxBytes) throw tooLong(base58Alphabet, maxBytes)
  const bytes = new Uint8Array(length)
  for (let i = 0, at = length - 1; i < limbs.length; i++) {
    let rest = limbs[i] as number
    for (let j = 0; j < 3 && at >= zeros; j++, at--) {
      bytes[at] = rest & 0xff
      rest >>>= 8
    }
  }
  return bytes
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

function encode({ symbols, bits }: Alphabet, bytes: Uint8Array): string {
  const mask = (1 << bits) - 1
  let text = ''
  let buffer = 0
  let held = 0
  for (let i = 0; i < bytes.length; i++) {
    buffer = ((buffer << 8) | (bytes[i] as number)) & 0xffff
    held += 8
    while (held >= bits) {
      held -= bits
      text += symbols.charAt((buffer >>> held) & mask)
    }
  }
  return held > 0 ? text + symbols.charAt((buffer << (bits - held)) & mask) : text
}

/** Reads the first `length` characters. */
function decode(base: Alphabet, text: string, length: number, maxBytes: number): Uint8Array {
  const size = Math.floor((length * base.bits) / 8)
  if (size > maxBytes) throw tooLong(base, maxBytes)
  // A last character that adds no whole byte could be left out or be anything.
  if (length * base.bits - size * 8 >= base.bits) throw wrong(base)
  const bytes = new Uint8Array(size)
  let buffer = 0
  let held = 0
  let at = 0
  for (let i = 0; i < length; i++) {
    buffer = ((buffer << base.bits) | valueOf(base, text.charCodeAt(i))) & 0xffff
    held += base.bits
    if (held >= 8) {
      held -= 8
      bytes[at++] = buffer >>> held
    }
  }
  if ((buffer & ((1 << held) - 1)) !== 0) throw wrong(base)
  return bytes
}

function valueOf(base: Alphabet, code: number): number {
  const value = code < 128 ? (base.values[code] as number) : 255
  if (value === 255) throw wrong(base)
  return value
}

function alphabet(name: string, bits: number, symbols: string): Alphabet {
  const values = new Uint8Array(128).fill(255)
  for (let i = 0; i < symbols.length; i++) values[symbols.charCodeAt(i)] = i
  return { name, symbols, bits, values }
}

function wrong(base: Alphabet): MalformedError {
  return new MalformedError('ENC-01', `text is not canonical ${base.name}`)
}

function tooLong(base: Alphabet, maxBytes: number): MalformedError {
  return new MalformedError('ENC-02', `${base.name} text holds more than ${maxBytes} bytes`, { kind: 'too_large' })
}
