/**
 * Numbers as unsigned big-endian bytes.
 *
 * @module
 */

/** Decodes an unsigned big-endian number from a part of the bytes. */
export function bigEndian(bytes: Uint8Array, start: number, end: number): bigint {
  let value = 0n
  for (let i = start; i < end; i++) value = (value << 8n) | BigInt(bytes[i] as number)
  return value
}

/** Decodes an unsigned little-endian number from a part of the bytes. */
export function littleEndian(bytes: Uint8Array, start: number, end: number): bigint {
  // The slice of a Buffer shares its memory, so no part of the bytes is copied and reversed.
  let value = 0n
  for (let i = end - 1; i >= start; i--) value = (value << 8n) | BigInt(bytes[i] as number)
  return value
}

/** Encodes a number below 2^256 as 32 bytes, big-endian. */
export function toBigEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * (31 - i))) & 0xffn))
}
