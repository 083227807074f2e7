/**
 * Unsigned varints of the multiformats project: seven bits a byte, the least first.
 *
 * @module
 */

import { ArgumentError, MalformedError } from '../errors.ts'

/** Eight bytes of seven bits hold every number up to 2^53 - 1. */
const maxLength = 8

/**
 * Writes a number in the fewest bytes that hold it.
 *
 * @param value - a whole number from 0 to 2^53 - 1
 * @throws ArgumentError when it is none
 */
export function encodeVarint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new ArgumentError('a varint is a whole number from 0 to 2^53 - 1')
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

/**
 * Reads the varint that begins at `offset`.
 *
 * @returns the number, and how many bytes it took
 * @throws MalformedError ENC-03 when it ends early, is longer than it need be, or is beyond 2^53 - 1
 */
export function decodeVarint(bytes: Uint8Array, offset = 0): readonly [value: number, length: number] {
  let value = 0
  let scale = 1
  for (let length = 1; length <= maxLength; length++) {
    const byte = bytes[offset + length - 1]
    if (byte === undefined) throw new MalformedError('ENC-03', `varint ends early at byte ${offset + length - 1}`)
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      // Two spellings of one key prefix would be two names of one principal.
      if (byte === 0 && length > 1) throw new MalformedError('ENC-03', `varint is not minimal at byte ${offset}`)
      if (!Number.isSafeInteger(value)) break
      return [value, length]
    }
    scale *= 0x80
  }
  throw new MalformedError('ENC-03', `varint is beyond 2^53 - 1 at byte ${offset}`)
}
