/**
 * The three kinds of public key that can sign a token here.
 *
 * @module
 */

import type { Did } from './did.ts'

/**
 * How a key signs: `Ed25519` (RFC 8032), `ES256` (ECDSA, P-256, SHA-256) or `ES256K` (ECDSA, secp256k1, SHA-256). The
 * algorithm always follows from the key, never from a token.
 */
export type SignatureAlgorithm = 'Ed25519' | 'ES256' | 'ES256K'

/** A public key that was checked: canonical encoding, a point on its curve, and for Ed25519 not of small order. */
export interface PublicKey {
  /** What the key signs with. */
  readonly algorithm: SignatureAlgorithm
  /** 32 raw bytes for Ed25519; 33 bytes, the compressed point of SEC 1, for the other two. Not to be written to. */
  readonly bytes: Uint8Array
  /** The key as a `did:key`. It names the key itself, also when the key came out of another kind of DID. */
  readonly did: Did
}
