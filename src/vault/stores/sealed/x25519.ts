/**
 * X25519 (RFC 7748) of the platform, with keys as bytes.
 *
 * @module
 */

import { decodeBase64url } from '../../../ipld/base.ts'
import { concatBytes } from '../../../ipld/concat.ts'
import { owned } from '../../../support/digest.ts'

/** The DER of a PKCS #8 private key before its 32 bytes (RFC 8410, section 7). */
const PKCS8_HEAD = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
])

/** A pair of keys, 32 bytes each. */
export interface X25519Pair {
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

/** Makes a pair of keys. */
export async function generatePair(): Promise<X25519Pair> {
  const pair = (await crypto.subtle.generateKey('X25519', true, ['deriveBits'])) as CryptoKeyPair
  const { x, d } = await crypto.subtle.exportKey('jwk', pair.privateKey)
  return { publicKey: decodeBase64url(x ?? ''), privateKey: decodeBase64url(d ?? '') }
}

/** The public key of a private one. */
export async function publicKeyOf(privateKey: Uint8Array): Promise<Uint8Array> {
  const { x } = await crypto.subtle.exportKey('jwk', await importPrivate(privateKey, true))
  return decodeBase64url(x ?? '')
}

/**
 * The secret that both sides share. Rejects when the public key is of small order, so that the secret would be zero
 * (RFC 9180, section 7.1.4).
 */
export async function sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Promise<Uint8Array> {
  const theirs = await crypto.subtle.importKey('raw', owned(publicKey), 'X25519', false, [])
  const ours = await importPrivate(privateKey, false)
  const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: 'X25519', public: theirs }, ours, 256))
  if (shared.every((byte) => byte === 0)) throw new RangeError('the public key is of small order')
  return shared
}

function importPrivate(privateKey: Uint8Array, extractable: boolean): Promise<CryptoKey> {
  return crypto.subtle.importKey('pkcs8', owned(concatBytes([PKCS8_HEAD, privateKey])), 'X25519', extractable, [
    'deriveBits',
  ])
}
