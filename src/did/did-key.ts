/**
 * `did:key` (W3C CCG did:key 0.9): a DID that is its own public key, so that checking it needs no network.
 *
 * @module
 */

import { ArgumentError, MalformedError } from '../errors.ts'
import { quote } from '../support/quote.ts'
import type { Did } from './did.ts'
import { assertForm, assertOnCurve, checkAlgorithm, decodeMultikey, encodeMultikey } from './multikey.ts'
import type { PublicKey, SignatureAlgorithm } from './public-key.ts'

/**
 * Reads the key out of a `did:key` and checks all of it, the curve included.
 *
 * @param did - `did:key:z…`; any text is safe to pass.
 * @throws MalformedError with the rule on keys that it breaks; kind `unsupported` for another method or kind of key.
 */
export function parseDidKey(did: string): PublicKey {
  const key = readDidKey(did)
  assertOnCurve(key)
  return key
}

/**
 * The same, but for the question whether the point is on its curve, which costs more than all others: for whoever
 * verifies a signature with the key at once. A signature that verifies shows that it is; for one that does not, ask
 * {@link parseDidKey} what is wrong.
 */
export function readDidKey(did: string): PublicKey {
  if (typeof did !== 'string') throw new MalformedError('KEY-08', 'a did:key is a string')
  if (!did.startsWith('did:key:')) {
    throw new MalformedError('KEY-08', `${quote(did)} is not a did:key`, { kind: 'unsupported' })
  }
  const { algorithm, bytes } = decodeMultikey(did.slice(8))
  // KEY-09: The reader accepts one text for each key, so `did` is the text that `didKeyFrom` writes.
  return Object.freeze({ algorithm, bytes: new Uint8Array(bytes), did: did as Did })
}

/**
 * Checks the bytes of a public key and names it.
 *
 * @param bytes - 32 raw bytes for Ed25519, 33 bytes (compressed point) for the others. They are copied.
 * @throws MalformedError with the rule on keys that they break.
 */
export function publicKey(algorithm: SignatureAlgorithm, bytes: Uint8Array): PublicKey {
  const key = named(algorithm, bytes)
  assertOnCurve(key)
  return key
}

/**
 * Writes the `did:key` of a public key, after the checks of {@link publicKey}.
 *
 * @throws ArgumentError when there is no such algorithm, or the key is not given as bytes.
 * @throws MalformedError with the rule on keys that they break.
 */
export function didKeyFrom(algorithm: SignatureAlgorithm, bytes: Uint8Array): Did {
  if (!(bytes instanceof Uint8Array)) throw new ArgumentError('a public key is given as bytes')
  return publicKey(checkAlgorithm(algorithm), bytes).did
}

function named(algorithm: SignatureAlgorithm, bytes: Uint8Array): PublicKey {
  const key = { algorithm, bytes: new Uint8Array(bytes) }
  assertForm(key)
  return Object.freeze({ ...key, did: `did:key:${encodeMultikey(key)}` as Did })
}
