/**
 * `did:key` (W3C CCG did:key 0.9): a DID that is its own public key, so that checking it needs no network.
 *
 * @module
 */

import { MalformedError, quote } from '../errors.ts'
import type { Did } from './did.ts'
import { assertForm, assertOnCurve, decodeMultikey, encodeMultikey } from './multikey.ts'
import type { PublicKey, SignatureAlgorithm } from './public-key.ts'

/**
 * Reads the key out of a `did:key` and checks all of it, the curve included.
 *
 * @param did - `did:key:z…`; any text is safe to pass.
 * @throws MalformedError KEY-01 to KEY-08.
 */
export function parseDidKey(did: string): PublicKey {
  if (!did.startsWith('did:key:')) {
    throw new MalformedError('KEY-08', `${quote(did)} is not a did:key`, { kind: 'unsupported' })
  }
  const { algorithm, bytes } = decodeMultikey(did.slice(8))
  return publicKey(algorithm, bytes)
}

/**
 * Checks the bytes of a public key and names it.
 *
 * @param bytes - 32 raw bytes for Ed25519, 33 bytes (compressed point) for the others. They are copied.
 * @throws MalformedError KEY-04 to KEY-07.
 */
export function publicKey(algorithm: SignatureAlgorithm, bytes: Uint8Array): PublicKey {
  const key = { algorithm, bytes: bytes.slice() }
  assertForm(key)
  assertOnCurve(key)
  return Object.freeze({ ...key, did: `did:key:${encodeMultikey(key)}` as Did })
}

/**
 * Writes the `did:key` of a public key, after the checks of {@link publicKey}.
 *
 * @throws MalformedError KEY-04 to KEY-07.
 */
export function didKeyFrom(algorithm: SignatureAlgorithm, bytes: Uint8Array): Did {
  return publicKey(algorithm, bytes).did
}
