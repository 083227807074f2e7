/**
 * Hybrid public key encryption (RFC 9180) in base mode, one message per key: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256
 * and AES-256-GCM. The package `hpke`, an optional peer, implements it with WebCrypto; this file selects the suite and
 * converts keys to and from bytes. Each function rejects with an ArgumentError when the package is not installed.
 *
 * @module
 */

import type { CipherSuite } from 'hpke'
import { loadPackage } from '../../../support/optional-package.ts'

/** A key pair, 32 bytes each. */
export interface HpkeKeyPair {
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

/** A message that one private key opens. */
export interface SealedMessage {
  /** The encapsulated key, 32 bytes. */
  readonly encapsulated: Uint8Array
  readonly ciphertext: Uint8Array
}

/** Bytes that sender and receiver agree on before the message. */
export interface HpkeContext {
  /** The purpose of the key; bound to the key. */
  readonly info: Uint8Array
  /** Associated data; bound to the message. */
  readonly aad: Uint8Array
}

/** Makes a key pair. */
export async function generatePair(): Promise<HpkeKeyPair> {
  const suite = await createSuite()
  const pair = await suite.GenerateKeyPair(true)
  return {
    publicKey: await suite.SerializePublicKey(pair.publicKey),
    privateKey: await suite.SerializePrivateKey(pair.privateKey),
  }
}

/** Computes the public key of a private key: X25519 of the base point (RFC 7748, section 6.1). */
export async function publicKeyOf(privateKey: Uint8Array): Promise<Uint8Array> {
  const ours = await (await createSuite()).DeserializePrivateKey(privateKey)
  const basePoint = await crypto.subtle.importKey('raw', Uint8Array.of(9, ...new Array(31).fill(0)), 'X25519', true, [])
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'X25519', public: basePoint }, ours as CryptoKey, 256))
}

/** Seals a message to a public key (`SealBase`). Rejects when the key is not valid or of small order. */
export async function seal(publicKey: Uint8Array, message: Uint8Array, context: HpkeContext): Promise<SealedMessage> {
  const suite = await createSuite()
  const theirs = await suite.DeserializePublicKey(publicKey)
  const { encapsulatedSecret, ciphertext } = await suite.Seal(theirs, message, context)
  return { encapsulated: encapsulatedSecret, ciphertext }
}

/** Opens a message (`OpenBase`). Rejects when it was changed, or sealed to another key or under another context. */
export async function open(pair: HpkeKeyPair, sealed: SealedMessage, context: HpkeContext): Promise<Uint8Array> {
  const suite = await createSuite()
  // Pass the pair: from a private key alone, most platforms compute the public key only by exporting the private one.
  const ours = {
    publicKey: await suite.DeserializePublicKey(pair.publicKey),
    privateKey: await suite.DeserializePrivateKey(pair.privateKey),
  }
  return suite.Open(ours, sealed.encapsulated, sealed.ciphertext, context)
}

async function createSuite(): Promise<CipherSuite> {
  const { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } = await loadPackage(
    'hpke',
    () => import('hpke'),
  )
  return new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM)
}
