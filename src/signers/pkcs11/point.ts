/**
 * Public keys as tokens of PKCS#11 have them.
 *
 * @module
 */

import { publicKey } from '../../core/did/did-key.ts'
import { keyFromPoint } from '../../core/did/key-from-point.ts'
import type { PublicKey } from '../../core/did/public-key.ts'
import { encodeHex } from '../../core/ipld/hex.ts'
import { ProcuraError } from '../../errors.ts'

/**
 * Reads `CKA_EC_PARAMS` and `CKA_EC_POINT`. The point is an OCTET STRING in DER, but some modules return a BIT STRING,
 * as PKCS#11 3.0 had it at first, or the bytes themselves.
 *
 * @returns undefined when the key is invalid or of another curve.
 */
export function keyOfPoint(params: Uint8Array, point: Uint8Array): PublicKey | undefined {
  const algorithm = curves.get(encodeHex(params))
  if (algorithm === undefined) return undefined
  const length = algorithm === 'Ed25519' ? 32 : 65
  const bytes = contentOf(point, length)
  if (bytes === undefined || (algorithm === 'ES256' && bytes[0] !== 4)) return undefined
  try {
    if (algorithm === 'Ed25519') return publicKey(algorithm, Uint8Array.from(bytes))
    return keyFromPoint(algorithm, bytes.subarray(1, 33), bytes.subarray(33))
  } catch (cause) {
    if (cause instanceof ProcuraError) return undefined
    throw cause
  }
}

function contentOf(point: Uint8Array, length: number): Uint8Array | undefined {
  const header = point.length - length
  if (header === 0) return point
  const isOctets = header === 2 && point[0] === 0x04 && point[1] === length
  const isBits = header === 3 && point[0] === 0x03 && point[1] === length + 1 && point[2] === 0
  return isOctets || isBits ? point.subarray(header) : undefined
}

/** Curves by their parameters in DER: an object identifier, or for Edwards curves also a name. */
const curves: ReadonlyMap<string, 'Ed25519' | 'ES256'> = new Map([
  ['06082a8648ce3d030107', 'ES256'],
  ['06032b6570', 'Ed25519'],
  ['06092b06010401da470f01', 'Ed25519'],
  ['130c656477617264733235353139', 'Ed25519'],
])
