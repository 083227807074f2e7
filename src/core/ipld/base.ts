/**
 * Bytes as text. Each decoder accepts exactly the text that its encoder writes, so one byte string has one spelling in
 * a base: no white space, no other alphabet, no missing or extra padding, no bits left over.
 *
 * The bases come from `multiformats`. Base64 comes from the platform, because containers are long: on Node, reading one
 * takes a thirtieth of the time. Keys in base58 are read here.
 *
 * @module
 */

import { base32 } from 'multiformats/bases/base32'
import { base58btc } from 'multiformats/bases/base58'
import * as platform from '#platform'
import { MalformedError } from '../../errors.ts'
import { decodeShortBase58 } from './short-base58.ts'

/** The most bytes that a text may decode to by default: the largest container. */
export const maxDecodedBytes: number = 256 * 1024

/** The same for base58, whose cost grows with the square of the length: twice the longest key. */
const maxBase58Bytes = 128

/** A base of `multiformats`, and the texts that may reach its decoder. */
export interface Base {
  readonly codec: { readonly name: string; baseDecode(text: string): Uint8Array }
  /** Digits alone: the codec skips padding, and reads some characters beyond Latin-1 as digits of base58. */
  readonly digits: RegExp
  /** Bits that a digit carries; of base58 log2(58), rounded down. */
  readonly bits: number
}

const lowerBase32: Base = { codec: base32, digits: /^[a-z2-7]*$/, bits: 5 }
const base58: Base = { codec: base58btc, digits: /^[1-9A-HJ-NP-Za-km-z]*$/, bits: 5.857 }

/** Writes bytes in base64 with padding (RFC 4648, section 4). */
export function encodeBase64(bytes: Uint8Array): string {
  return platform.encode(bytes, 'base64')
}

/**
 * Reads base64 with padding.
 *
 * @param maxBytes - the most that the text may decode to; 256 KiB by default.
 * @throws MalformedError when the text is not as {@link encodeBase64} writes it, or too long.
 */
export function decodeBase64(text: string, maxBytes: number = maxDecodedBytes): Uint8Array {
  return decodeByPlatform('base64', text, maxBytes)
}

/** Writes bytes in base64url without padding (RFC 4648, section 5). */
export function encodeBase64url(bytes: Uint8Array): string {
  return platform.encode(bytes, 'base64url')
}

/**
 * Reads base64url without padding.
 *
 * @param maxBytes - the most that the text may decode to; 256 KiB by default.
 * @throws MalformedError when the text is not as `encodeBase64url` writes it, or too long.
 */
export function decodeBase64url(text: string, maxBytes: number = maxDecodedBytes): Uint8Array {
  return decodeByPlatform('base64url', text, maxBytes)
}

function decodeByPlatform(alphabet: 'base64' | 'base64url', text: string, maxBytes: number): Uint8Array {
  // ENC-02: The length comes first. Four characters are at most three bytes.
  if (text.length > Math.ceil(maxBytes / 3) * 4) throw tooLong(alphabet, maxBytes)
  const bytes = platform.decode(text, alphabet)
  if (bytes === undefined) throw notCanonical(alphabet)
  if (bytes.length > maxBytes) throw tooLong(alphabet, maxBytes)
  return bytes
}

/**
 * Reads lower-case base32 without padding and without the multibase letter `b`.
 *
 * @param maxBytes - the most that the text may decode to.
 * @throws MalformedError when the text is not canonical, or too long.
 */
export function decodeBase32(text: string, maxBytes: number): Uint8Array {
  return decodeDigits(lowerBase32, text, maxBytes)
}

/** Writes bytes in base58btc, without the multibase letter `z`. */
export function encodeBase58btc(bytes: Uint8Array): string {
  return base58btc.baseEncode(bytes)
}

/**
 * Reads base58btc, without the multibase letter `z`.
 *
 * @param maxBytes - the most that the text may decode to; 128 by default.
 * @throws MalformedError when a character is not in the alphabet, or the text is too long.
 */
export function decodeBase58btc(text: string, maxBytes: number = maxBase58Bytes): Uint8Array {
  const short = decodeShortBase58(text)
  return short !== undefined && short.length <= maxBytes ? short : decodeDigits(base58, text, maxBytes)
}

/**
 * Reads the digits of a base.
 *
 * @throws MalformedError when the text is not canonical, or decodes to more than `maxBytes`.
 */
export function decodeDigits({ codec, digits, bits }: Base, text: string, maxBytes: number): Uint8Array {
  // The work for base58 grows with the square of the length.
  if (text.length > Math.ceil((maxBytes * 8) / bits)) throw tooLong(codec.name, maxBytes)
  if (!digits.test(text)) throw notCanonical(codec.name)
  let bytes: Uint8Array
  try {
    bytes = codec.baseDecode(text)
  } catch {
    throw notCanonical(codec.name)
  }
  if (bytes.length > maxBytes) throw tooLong(codec.name, maxBytes)
  return bytes
}

/** The refusal of text that no encoder writes. */
function notCanonical(base: string): MalformedError {
  return new MalformedError('ENC-01', `the text is not canonical ${base} (no white space, no word before it)`)
}

/** The refusal of text that decodes to more than may be read. */
function tooLong(base: string, maxBytes: number): MalformedError {
  return new MalformedError('ENC-02', `the ${base} text holds more than ${maxBytes} bytes`, { kind: 'too_large' })
}
