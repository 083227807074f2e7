/**
 * Public keys in SPKI (RFC 5280, RFC 8410, RFC 5480), the form in which key services return them.
 *
 * @module
 */

import { publicKey } from '../core/did/did-key.ts'
import { keyFromPoint } from '../core/did/key-from-point.ts'
import type { PublicKey, SignatureAlgorithm } from '../core/did/public-key.ts'
import { decodeHex } from '../core/ipld/hex.ts'
import { ProcuraError } from '../errors.ts'

/**
 * Reads a public key in DER.
 *
 * @returns undefined when the bytes are not a valid Ed25519, P-256 or secp256k1 key in the only encoding that DER
 *   permits.
 */
export function publicKeyFromSpki(der: Uint8Array): PublicKey | undefined {
  for (const [algorithm, hex] of prefixes) {
    const prefix = decodeHex(hex)
    if (der.length !== prefix.length + (algorithm === 'Ed25519' ? 32 : 64)) continue
    if (!prefix.every((byte, at) => der[at] === byte)) continue
    return validKey(algorithm, der.slice(prefix.length))
  }
  return undefined
}

function validKey(algorithm: SignatureAlgorithm, bytes: Uint8Array): PublicKey | undefined {
  try {
    if (algorithm === 'Ed25519') return publicKey(algorithm, bytes)
    return keyFromPoint(algorithm, bytes.subarray(0, 32), bytes.subarray(32))
  } catch (cause) {
    if (cause instanceof ProcuraError) return undefined
    throw cause
  }
}

/** All that comes before the key: before x and y for the curves with an uncompressed point. */
const prefixes: readonly (readonly [SignatureAlgorithm, string])[] = [
  ['Ed25519', '302a300506032b6570032100'],
  ['ES256', '3059301306072a8648ce3d020106082a8648ce3d03010703420004'],
  ['ES256K', '3056301006072a8648ce3d020106052b8104000a03420004'],
]
