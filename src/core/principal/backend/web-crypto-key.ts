/**
 * Imports and uses keys of WebCrypto.
 *
 * @module
 */

import { ArgumentError } from '../../../errors.ts'
import { compressPoint } from '../../did/curves/compress-point.ts'
import { uncompressP256 } from '../../did/curves/is-on-curve.ts'
import type { PublicKey } from '../../did/public-key.ts'
import type { SigningKey } from './backend.ts'

/** The parameters of WebCrypto for its two algorithms: one object for importing, signing and verifying. */
export const webAlgorithms: Readonly<Record<'Ed25519' | 'ES256', Readonly<EcKeyImportParams & EcdsaParams>>> =
  Object.freeze({
    Ed25519: Object.freeze({ name: 'Ed25519', namedCurve: '', hash: '' }),
    ES256: Object.freeze({ name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }),
  })

/** Imports a public key. Rejects with the error of the platform when it does not support the algorithm. */
export async function importPublicKey({ bytes }: PublicKey, algorithm: 'Ed25519' | 'ES256'): Promise<CryptoKey> {
  // Some browsers do not import compressed points.
  return crypto.subtle.importKey(
    'raw',
    ownBytes(algorithm === 'Ed25519' ? bytes : uncompressP256(bytes)),
    webAlgorithms[algorithm],
    true,
    ['verify'],
  )
}

/** Makes a signing key from a key pair. The private key may be non-extractable. */
export async function signingKeyOf(
  pair: CryptoKeyPair,
): Promise<SigningKey & { readonly algorithm: 'Ed25519' | 'ES256' }> {
  const { privateKey } = pair
  const algorithm = algorithmOf(privateKey)
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))
  return Object.freeze({
    algorithm,
    publicKey: algorithm === 'Ed25519' ? raw : compressPoint(raw.subarray(1, 33), raw.subarray(33)),
    sign: async (bytes: Uint8Array) =>
      new Uint8Array(await crypto.subtle.sign(webAlgorithms[algorithm], privateKey, ownBytes(bytes))),
  })
}

/**
 * Asserts that bytes are not in shared memory. The types of the platform require it, and its functions throw a
 * `TypeError` otherwise.
 */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>
}

function algorithmOf(key: CryptoKey): 'Ed25519' | 'ES256' {
  const { name, namedCurve } = key.algorithm as EcKeyAlgorithm
  if (name === 'Ed25519') return 'Ed25519'
  if (name === 'ECDSA' && namedCurve === 'P-256') return 'ES256'
  throw new ArgumentError('the key pair must be of Ed25519 or of ECDSA with P-256')
}
