/**
 * The bytes of a Token Status List (draft-ietf-oauth-status-list-21, section 4).
 *
 * @module
 */

import { ArgumentError, StoreError } from '../../errors.ts'
import { readBounded } from '../../support/read-bounded.ts'

/** Bits of a status. */
export type StatusBits = 1 | 2 | 4 | 8

/** Whether a value is a number of bits that a list may have. */
export function isStatusBits(value: unknown): value is StatusBits {
  return value === 1 || value === 2 || value === 4 || value === 8
}

/**
 * Writes statuses, the first one in the lowest bits of the first byte.
 *
 * @throws ArgumentError when an index or a status is out of range.
 */
export function packStatuses(
  statuses: Iterable<readonly [number, number]>,
  size: number,
  bits: StatusBits,
): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((size * bits) / 8))
  for (const [index, status] of statuses) {
    const isInside = Number.isSafeInteger(index) && index >= 0 && index < size
    if (!isInside || !Number.isSafeInteger(status) || status < 0 || status >= 2 ** bits) {
      throw new ArgumentError(`a status list of ${size} entries with ${bits} bits has no place for one of the statuses`)
    }
    const at = index * bits
    const byte = bytes[at >> 3] as number
    const mask = (2 ** bits - 1) << (at & 7)
    bytes[at >> 3] = (byte & ~mask) | (status << (at & 7))
  }
  return bytes
}

/** Yields the indexes whose status is not 0 (VALID). */
export function* setIndexes(bytes: Uint8Array, bits: StatusBits): Generator<number> {
  const perByte = 8 / bits
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === 0) continue
    for (let part = 0; part < perByte; part++) {
      if (((byte >> (part * bits)) & (2 ** bits - 1)) !== 0) yield at * perByte + part
    }
  }
}

/** Compresses bytes in the ZLIB format. */
export async function compress(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream('deflate'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/**
 * Decompresses bytes in the ZLIB format.
 *
 * @throws StoreError when they are malformed, or the result has more than `most` bytes.
 */
export async function decompress(bytes: Uint8Array, most: number): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('deflate'))
  const list = await readBounded(stream.getReader(), most).catch((cause: unknown) => {
    throw new StoreError('the status list cannot be decompressed', { cause })
  })
  if (list === undefined) throw new StoreError(`the status list has more than ${most} bytes`)
  return list
}
