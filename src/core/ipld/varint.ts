/**
 * Unsigned varints (multiformats): seven bits a byte, the least first. `multiformats` decodes them; this wrapper
 * refuses longer spellings, and limits the bytes that are read.
 *
 * @module
 */

import { varint } from 'multiformats'
import { MalformedError } from '../../errors.ts'

/** Eight bytes of seven bits hold every number up to 2^53 - 1. */
const maxLength = 8

/**
 * Reads the varint that begins at `offset`.
 *
 * @returns the number, and how many bytes it took.
 * @throws MalformedError ENC-03 when it ends early, is longer than necessary, or is beyond 2^53 - 1.
 */
export function decodeVarint(bytes: Uint8Array, offset = 0): readonly [value: number, length: number] {
  const head = bytes.subarray(offset, offset + maxLength)
  const end = head.findIndex((byte) => byte < 0x80)
  if (end < 0 && head.length < maxLength) {
    throw new MalformedError('ENC-03', `the varint at byte ${offset} ends early`)
  }
  const [value, length] = end < 0 ? [Number.POSITIVE_INFINITY, maxLength] : varint.decode(head)
  if (!Number.isSafeInteger(value))
    throw new MalformedError('ENC-03', `the varint at byte ${offset} is beyond 2^53 - 1`)
  // Two spellings of one key prefix would be two names of one principal.
  if (length !== varint.encodingLength(value)) {
    throw new MalformedError('ENC-03', `the varint at byte ${offset} is not in its shortest form`)
  }
  return [value, length]
}
