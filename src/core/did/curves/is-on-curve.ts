/**
 * The arithmetic of public keys.
 *
 * @module
 */

import type { KeyBytes } from '../multikey.ts'
import { bigEndian, toBigEndian } from './big-endian.ts'
import { yOf } from './ed25519-point.ts'
import { hasEdwardsPointAt } from './edwards.ts'
import { hasPointAt, p256Curve, secp256k1Curve, yAt } from './weierstrass.ts'

/**
 * Whether the bytes of a key encode a point on the curve of its algorithm.
 *
 * @param key - for which `assertForm` has passed.
 */
export function isOnCurve({ algorithm, bytes }: KeyBytes): boolean {
  if (algorithm === 'Ed25519') return hasEdwardsPointAt(yOf(bytes))
  return hasPointAt(algorithm === 'ES256' ? p256Curve : secp256k1Curve, bigEndian(bytes, 1, 33))
}

/**
 * Returns a point of P-256 in full: 65 bytes (SEC 1, section 2.3.3).
 *
 * @param bytes - the compressed point, for which {@link isOnCurve} is true.
 */
export function uncompressP256(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(4, ...bytes.subarray(1), ...toBigEndian(yAt(p256Curve, bigEndian(bytes, 1, 33), bytes[0] === 3)))
}
