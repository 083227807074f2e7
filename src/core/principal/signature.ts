/**
 * The rules for a valid signature. No back end and no caller adds a rule or omits one.
 *
 * @module
 */

import { bigEndian, littleEndian, toBigEndian } from '../did/curves/big-endian.ts'
import { isCanonicalY, isSmallOrder } from '../did/curves/ed25519-point.ts'
import { p256Order, secp256k1Order } from '../did/curves/orders.ts'
import type { PublicKey, SignatureAlgorithm } from '../did/public-key.ts'
import type { CryptoBackend, PreparedKey } from './backend/backend.ts'

/** The length of every signature, in bytes. */
export const signatureLength = 64

/**
 * Whether the signature of the key over the message is valid. Synchronous if the back end is.
 *
 * Together with the checks of the key at parsing, these are the strict rules for Ed25519: S < L, canonical A and R,
 * neither of small order, and the equation without cofactor.
 *
 * @param key - determines the algorithm.
 * @param prepared - the same key, prepared by the same back end.
 * @param signature - raw, 64 bytes. A signature of another length is invalid.
 */
export function verifySignature(
  backend: CryptoBackend,
  key: PublicKey,
  prepared: PreparedKey,
  signature: Uint8Array,
  message: Uint8Array,
): boolean | Promise<boolean> {
  // SIG-08: the key determines the algorithm. SIG-04: the equation of the back end has no cofactor.
  return isWellFormed(key.algorithm, signature) && backend.verify(prepared, signature, message)
}

/** Like {@link verifySignature}, on another thread where the back end has one. */
export function verifySignatureAsync(
  backend: CryptoBackend,
  key: PublicKey,
  prepared: PreparedKey,
  signature: Uint8Array,
  message: Uint8Array,
): boolean | Promise<boolean> {
  const verify = backend.verifyAsync ?? backend.verify
  return isWellFormed(key.algorithm, signature) && verify.call(backend, prepared, signature, message)
}

/**
 * Returns the other signature that is valid if and only if this one is: `(r, n - s)` for ECDSA. Returns undefined for
 * Ed25519, which has none, and for a malformed signature.
 */
export function twinSignature(algorithm: SignatureAlgorithm, signature: Uint8Array): Uint8Array | undefined {
  if (algorithm === 'Ed25519' || !isWellFormed(algorithm, signature)) return undefined
  // SIG-07
  const twin = new Uint8Array(signature)
  twin.set(toBigEndian(orderOf(algorithm) - bigEndian(signature, 32, 64)), 32)
  return twin
}

/** Returns the signature with the lower s for ECDSA, and the same bytes for Ed25519. */
export function toLowS(algorithm: SignatureAlgorithm, signature: Uint8Array): Uint8Array {
  // SIG-06
  if (algorithm === 'Ed25519' || bigEndian(signature, 32, 64) <= orderOf(algorithm) / 2n) return signature
  return twinSignature(algorithm, signature) ?? signature
}

/** Makes all checks of a signature that need neither the key nor the message. */
function isWellFormed(algorithm: SignatureAlgorithm, signature: Uint8Array): boolean {
  if (signature.length !== signatureLength) return false // SIG-01
  if (algorithm === 'Ed25519') {
    // SIG-02. Below 2^252, which is nearly always, S needs no arithmetic.
    if ((signature[63] as number) >= 0x10 && littleEndian(signature, 32, 64) >= l) return false
    // R is the first half, and the checks of a point read 32 bytes.
    return isCanonicalY(signature) && !isSmallOrder(signature) // SIG-03
  }
  const n = orderOf(algorithm)
  const r = bigEndian(signature, 0, 32)
  const s = bigEndian(signature, 32, 64)
  return r > 0n && r < n && s > 0n && s < n // SIG-05
}

/** Returns n, the order of the group of the curve. */
export function orderOf(algorithm: 'ES256' | 'ES256K'): bigint {
  return algorithm === 'ES256' ? p256Order : secp256k1Order
}

/** 2^252 + 27742317777372353535851937790883648493, the order L of the base point (RFC 8032, section 5.1). */
const l = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn
