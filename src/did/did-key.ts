/**
 * `did:key` (W3C CCG did:key 0.9): a DID that contains its public key, so resolution needs no network.
 *
 * @module
 */

import { ArgumentError, MalformedError } from '../errors.ts'
import { quote } from '../support/quote.ts'
import type { Did } from './did.ts'
import { assertForm, assertOnCurve, checkAlgorithm, decodeMultikey, encodeMultikey } from './multikey.ts'
import type { PublicKey, SignatureAlgorithm } from './public-key.ts'

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
 * Like {@link parseDidKey}, without the check that the point is on its curve, which costs more than all other checks.
 * For a caller that verifies a signature with the key at once: a valid signature proves that the point is on the curve.
 * When the signature is invalid, {@link parseDidKey} finds out whether the key is the reason.
 */
export function readDidKey(did: string): PublicKey {
  if (typeof did !== 'string') throw new MalformedError('KEY-08', 'a did:key must be a string')
  if (!did.startsWith('did:key:')) {
    throw new MalformedError('KEY-08', `${quote(did)} is not a did:key`, { kind: 'unsupported' })
  }
  const { algorithm, bytes } = decodeMultikey(did.slice(8))
  // KEY-09: The reader accepts one text for each key, so `did` is the text that `didKeyFrom` writes.
  return Object.freeze({ algorithm, bytes: new Uint8Array(bytes), did: did as Did })
}

/**
 * Checks the bytes of a public key and computes its `did:key`.
 *
 * @param bytes - 32 raw bytes for Ed25519, 33 bytes (compressed point) for the others. They are copied.
 * @throws MalformedError with the requirement that they break.
 */
export function publicKey(algorithm: SignatureAlgorithm, bytes: Uint8Array): PublicKey {
  const key = named(algorithm, bytes)
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

function named(algorithm: SignatureAlgorithm, bytes: Uint8Array): PublicKey {
  const key = { algorithm, bytes: new Uint8Array(bytes) }
  assertForm(key)
  return Object.freeze({ ...key, did: `did:key:${encodeMultikey(key)}` as Did })
}
