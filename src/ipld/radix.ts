/**
 * Alphabets, and the bases in which a digit is a whole number of bits.
 *
 * @module
 */

import { MalformedError } from '../errors.ts'

/** What stands in a table for a character that is no digit; no digit is so large. */
export const noSymbol = 128

const ascii: TextDecoder = /* @__PURE__ */ new TextDecoder()

/** An alphabet and its reverse. */
export interface Alphabet {
  readonly name: string
  /** Character codes of the digits. */
  readonly symbols: Uint8Array
  /** Bits that a digit carries; 0 when not a whole number of them. */
  readonly bits: number
  /** Digit that a character code below 128 stands for, or `noSymbol`. */
  readonly values: Uint8Array
}

/**
 * Writes bytes in digits of whole bits.
 *
 * @param prefix - characters to begin with; a text put together afterwards would be held in two pieces.
 */
export function encodeDigits(base: Alphabet, bytes: Uint8Array, prefix = ''): string {
  const { bits, symbols } = base
  const mask = (1 << bits) - 1
  const text = new Uint8Array(prefix.length + Math.ceil((bytes.length * 8) / bits))
  let buffer = 0
  let held = 0
  let at = 0
  for (; at < prefix.length; at++) text[at] = prefix.charCodeAt(at)
  for (let i = 0; i < bytes.length; i++) {
    buffer = (buffer << 8) | (bytes[i] as number)
    held += 8
    while (held >= bits) {
      held -= bits
      text[at++] = symbols[(buffer >>> held) & mask] as number
    }
  }
  if (held > 0) text[at] = symbols[(buffer << (bits - held)) & mask] as number
  return ascii.decode(text)
}

/** The symbols of digits; `digits` is used up. */
export function textOf(base: Alphabet, digits: Uint8Array): string {
  for (let i = 0; i < digits.length; i++) digits[i] = base.symbols[digits[i] as number] as number
  return ascii.decode(digits)
}

/**
 * Reads the characters from `start` to `end`.
 *
 * @throws MalformedError ENC-01 when they are not as {@link encodeDigits} writes them, ENC-02 when they are too many
 */
export function decodeDigits(base: Alphabet, text: string, end: number, maxBytes: number, start = 0): Uint8Array {
  const { bits, values } = base
  const length = end - start
  const size = Math.floor((length * bits) / 8)
  if (size > maxBytes) throw tooLong(base.name, maxBytes)
  // A last character that adds no whole byte could be left out or be anything.
  if (length * bits - size * 8 >= bits) throw wrong(base.name)
  const bytes = new Uint8Array(size)
  let buffer = 0
  let held = 0
  let at = 0
  let seen = 0
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i)
    const value = values[code & 0x7f] as number
    seen |= code | value
    buffer = (buffer << bits) | value
    held += bits
    if (held >= 8) {
      held -= 8
      bytes[at++] = buffer >>> held
    }
  }
  // Refused at the end, once for all characters, so that the loop stays short.
  if (seen >= noSymbol || (buffer & ((1 << held) - 1)) !== 0) throw wrong(base.name)
  return bytes
}

/** Makes an alphabet of its digits in order. */
export function alphabet(name: string, bits: number, text: string): Alphabet {
  const symbols = new Uint8Array(text.length)
  const values = new Uint8Array(128).fill(noSymbol)
  for (let i = 0; i < text.length; i++) {
    symbols[i] = text.charCodeAt(i)
    values[text.charCodeAt(i)] = i
  }
  return { name, symbols, bits, values }
}

/** The refusal of text that no encoder writes. */
export function wrong(base: string): MalformedError {
  return new MalformedError('ENC-01', `text is not canonical ${base} (no white space, no word before it)`)
}

/** The refusal of text that says more than may be read. */
export function tooLong(base: string, maxBytes: number): MalformedError {
  return new MalformedError('ENC-02', `${base} text holds more than ${maxBytes} bytes`, { kind: 'too_large' })
}
