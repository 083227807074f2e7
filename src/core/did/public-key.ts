/**
 * The three kinds of public key whose signatures are accepted.
 *
 * @module
 */

import type { Did } from './did.ts'
import type { SignatureAlgorithm } from './multikey.ts'

export type { SignatureAlgorithm } from './multikey.ts'

/** A checked public key: canonically encoded, on its curve, and for Ed25519 not of small order. */
export interface PublicKey {
  /** The algorithm. */
  readonly algorithm: SignatureAlgorithm
  /** 32 raw bytes for Ed25519; 33 bytes, the compressed point of SEC 1, for the other two. Do not modify them. */
  readonly bytes: Uint8Array
  /** The key as a `did:key`, also when the key belongs to a DID of another method. */
  readonly did: Did
}
