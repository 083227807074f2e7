/**
 * Checks of Ed25519 points, before any arithmetic. They are applied to the public key and to the R of a signature, and
 * give every back end the same verdict.
 *
 * @module
 */

import { littleEndian } from './big-endian.ts'

/** 2^255 - 19, the field of Curve25519. */
const p = 2n ** 255n - 19n

/**
 * Whether the y of an encoded point is less than p (RFC 8032, section 5.1.3, step 1). The 19 values from p would be
 * second encodings of 0 to 18.
 *
 * @param bytes - 32 bytes, y little-endian, the sign of x in the top bit.
 */
export function isCanonicalY(bytes: Uint8Array): boolean {
  // Other values are far below p, and need no arithmetic.
  return ((bytes[31] as number) & 0x7f) !== 0x7f || yOf(bytes) < p
}

/**
 * Whether a canonically encoded point is one of the eight whose order divides 8. For such a key one signature is valid
 * for every message. The sign bit is ignored, so `x = 0` with a negative sign is found as well.
 *
 * @param bytes - 32 bytes for which {@link isCanonicalY} is true.
 */
export function isSmallOrder(bytes: Uint8Array): boolean {
  const y = smallOrderY.get(bytes[0] as number)
  return y !== undefined && y === yOf(bytes)
}

/** The y of an encoded point: 255 bits, little-endian. */
export function yOf(bytes: Uint8Array): bigint {
  return BigInt.asUintN(255, littleEndian(bytes, 0, 32))
}

/** y of two of the four points of order 8; the other two have p minus it. */
const y8 = 0x5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n

/** The y of the points of order 4, 1, 2, 8 and 8, by the first byte of their encodings, which differs. */
const smallOrderY: ReadonlyMap<number, bigint> = new Map(
  [0n, 1n, p - 1n, y8, p - y8].map((y) => [Number(y & 0xffn), y]),
)
