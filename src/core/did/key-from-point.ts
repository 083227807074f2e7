import { bigEndian } from './curves/big-endian.ts'
import { compressPoint } from './curves/compress-point.ts'
import { decompressPoint } from './curves/decompress-point.ts'
import { p256Curve, secp256k1Curve } from './curves/weierstrass.ts'
import { publicKey } from './did-key.ts'
import type { PublicKey } from './public-key.ts'

/**
 * Makes a public key from the coordinates of its point, 32 bytes each.
 *
 * @returns undefined when y is not a coordinate of the point.
 * @throws MalformedError when no point of the curve has this x.
 */
export function keyFromPoint(algorithm: 'ES256' | 'ES256K', x: Uint8Array, y: Uint8Array): PublicKey | undefined {
  const key = publicKey(algorithm, compressPoint(x, y))
  // The compressed form contains only the parity of y, so the whole y is compared.
  const { y: root } = decompressPoint(algorithm === 'ES256' ? p256Curve : secp256k1Curve, key.bytes)
  return bigEndian(root, 0, 32) === bigEndian(y, 0, 32) ? key : undefined
}
