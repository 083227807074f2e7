/**
 * Keys whose form is checked, but not yet that they are points of their curve.
 *
 * @module
 */

import { MalformedError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'
import type { Did } from './did.ts'
import { assertForm, decodeMultikey, encodeMultikey } from './multikey.ts'
import type { PublicKey, SignatureAlgorithm } from './public-key.ts'

/**
 * Like `parseDidKey`, without the check that the point is on its curve, which costs more than all other checks. For a
 * caller that verifies a signature with the key at once: a valid signature proves that the point is on the curve. When
 * the signature is invalid, `checkPoint` finds out whether the key is the reason.
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
 * The same for the bytes of a key.
 *
 * @param bytes - 32 raw bytes for Ed25519, 33 bytes (compressed point) for the others. They are copied.
 * @throws MalformedError with the requirement that they break.
 */
export function namedKey(algorithm: SignatureAlgorithm, bytes: Uint8Array): PublicKey {
  const key = { algorithm, bytes: new Uint8Array(bytes) }
  assertForm(key)
  return Object.freeze({ ...key, did: `did:key:${encodeMultikey(key)}` as Did })
}
