/**
 * `did:key` (W3C CCG did:key 0.9): a DID that contains its public key, so resolution needs no network.
 *
 * @module
 */

import { ArgumentError } from '../../errors.ts'
import { assertOnCurve } from './assert-on-curve.ts'
import type { Did } from './did.ts'
import { checkAlgorithm } from './multikey.ts'
import type { PublicKey, SignatureAlgorithm } from './public-key.ts'
import { namedKey, readDidKey } from './read-did-key.ts'

/**
 * Parses a `did:key` and checks its key completely, including that the point is on its curve.
 *
 * @param did - `did:key:z…`; may be untrusted text of any length.
 * @throws MalformedError with the requirement that the key breaks; kind `unsupported` for another method or kind of
 *   key.
 */
export function parseDidKey(did: string): PublicKey {
  const key = readDidKey(did)
  assertOnCurve(key)
  return key
}

/**
 * Checks the bytes of a public key and computes its `did:key`.
 *
 * @param bytes - 32 raw bytes for Ed25519, 33 bytes (compressed point) for the others. They are copied.
 * @throws MalformedError with the requirement that they break.
 */
export function publicKey(algorithm: SignatureAlgorithm, bytes: Uint8Array): PublicKey {
  const key = namedKey(algorithm, bytes)
  assertOnCurve(key)
  return key
}

/**
 * Returns the `did:key` of a public key, after the checks of `publicKey`.
 *
 * @throws ArgumentError when the algorithm is unknown, or the key is not a Uint8Array.
 * @throws MalformedError with the requirement that they break.
 */
export function didKeyFrom(algorithm: SignatureAlgorithm, bytes: Uint8Array): Did {
  if (!(bytes instanceof Uint8Array)) throw new ArgumentError('didKeyFrom: `bytes` must be a Uint8Array')
  return publicKey(checkAlgorithm(algorithm), bytes).did
}
