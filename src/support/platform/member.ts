/**
 * The frame around compressed data (RFC 1952). It is read here and not by the platform: platforms differ in the bytes
 * that they accept before and after a member, and each spelling would be another container.
 *
 * @module
 */

/** Why bytes were not inflated: not one whole gzip member, or too long when inflated. */
export type InflateFault = 'not_gzip' | 'too_large'

/** A gzip member, taken apart. */
export interface GzipMember {
  /** The bytes between head and tail: the compressed data, if the member is valid. */
  readonly deflated: Uint8Array
  /** Whether the check sum and the length in the tail are those of `contents`. */
  isOf(contents: Uint8Array): boolean
}

const extraField = 0x04
const fileName = 0x08
const comment = 0x10
const headCheckSum = 0x02
const reserved = 0xe0

const headBytes = 10
const tailBytes = 8

/** Takes a member apart; undefined when the bytes do not have its head and its tail. */
export function readMember(bytes: Uint8Array): GzipMember | undefined {
  const flags = bytes[3] ?? reserved
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8 || (flags & reserved) !== 0) return undefined
  let end = headBytes
  if ((flags & extraField) !== 0) end += 2 + (bytes[end] ?? 0) + 256 * (bytes[end + 1] ?? 0)
  if ((flags & fileName) !== 0) end = afterText(bytes, end)
  if ((flags & comment) !== 0) end = afterText(bytes, end)
  if ((flags & headCheckSum) !== 0) {
    const sum = crc32(bytes.subarray(0, end))
    if (bytes[end] !== (sum & 0xff) || bytes[end + 1] !== ((sum >>> 8) & 0xff)) return undefined
    end += 2
  }
  if (end + tailBytes > bytes.length) return undefined
  const tail = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - tailBytes, tailBytes)
  return {
    deflated: bytes.subarray(end, -tailBytes),
    isOf: (contents) => tail.getUint32(4, true) === contents.length && tail.getUint32(0, true) === crc32(contents),
  }
}

/** The position after the zero byte that ends a text. */
function afterText(bytes: Uint8Array, start: number): number {
  const end = bytes.indexOf(0, start)
  return end < 0 ? bytes.length : end + 1
}

/** The check sum of gzip, computed by half bytes. */
function crc32(bytes: Uint8Array): number {
  let sum = 0xffffffff
  for (let i = 0; i < bytes.length; i++) {
    sum ^= bytes[i] as number
    sum = (sum >>> 4) ^ (sums[sum & 15] as number)
    sum = (sum >>> 4) ^ (sums[sum & 15] as number)
  }
  return ~sum >>> 0
}

/** The remainder of each half byte by the polynomial 0xedb88320. */
const sums: readonly number[] = Array.from({ length: 16 }, (_, half) => {
  let sum = half
  for (let bit = 0; bit < 4; bit++) sum = (sum & 1) === 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1
  return sum >>> 0
})
