/**
 * The three kinds of public key whose signatures are accepted.
 *
 * @module
 */

import type { Did } from './did.ts'

/**
 * The algorithm of a key: `Ed25519` (RFC 8032), `ES256` (ECDSA, P-256, SHA-256) or `ES256K` (ECDSA, secp256k1, SHA-256).
 * The key determines the algorithm; a token never does.
 */
export type SignatureAlgorithm = 'Ed25519' | 'ES256' | 'ES256K'

/** A checked public key: canonically encoded, on its curve, and for Ed25519 not of small order. */
export interface PublicKey {
  /** The algorithm. */
  readonly algorithm: SignatureAlgorithm
  /** 32 raw bytes for Ed25519; 33 bytes, the compressed point of SEC 1, for the other two. Do not modify them. */
  readonly bytes: Uint8Array
  /** The key as a `did:key`, also when the key belongs to a DID of another method. */
  readonly did: Did
}
