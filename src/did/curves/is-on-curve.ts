import type { SignatureAlgorithm } from '../multikey.ts'
import { hasEdwardsPointAt } from './edwards.ts'
import { hasPointAt, p256Curve, secp256k1Curve } from './weierstrass.ts'

// One file on demand for both of its uses.
export { p256Curve, yAt } from './weierstrass.ts'

/**
 * Whether the curve of an algorithm has a point with a coordinate.
 *
 * @param coordinate - the one that an encoded key contains: y for Ed25519, otherwise x.
 */
export function isOnCurve(algorithm: SignatureAlgorithm, coordinate: bigint): boolean {
  return algorithm === 'Ed25519'
    ? hasEdwardsPointAt(coordinate)
    : hasPointAt(algorithm === 'ES256' ? p256Curve : secp256k1Curve, coordinate)
}
