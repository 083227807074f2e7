/**
 * Hybrid public key encryption (RFC 9180) in base mode, one message a key: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
 * AES-GCM.
 *
 * @module
 */

import { concatBytes } from '../../../ipld/concat.ts'
import { hmacBytes, owned } from '../../../support/digest.ts'
import { generatePair, publicKeyOf, sharedSecret, type X25519Pair } from './x25519.ts'

/** Identifiers of RFC 9180, section 7. */
const KEM = 0x0020
const KDF = 0x0001

/** An AEAD by its identifier in RFC 9180, section 7.3. */
export interface Aead {
  readonly id: number
  readonly keyBytes: number
}

/** AES-128-GCM, for which the RFC has test vectors. */
export const aes128Gcm: Aead = Object.freeze({ id: 0x0001, keyBytes: 16 })

/** AES-256-GCM, which this library seals with. */
export const aes256Gcm: Aead = Object.freeze({ id: 0x0002, keyBytes: 32 })

/** A message that one private key opens. */
export interface SealedMessage {
  /** The encapsulated key, 32 bytes. */
  readonly encapsulated: Uint8Array
  readonly ciphertext: Uint8Array
}

/** What both sides agree on before the message. */
export interface HpkeContext {
  /** What the key is for; bound to the key. */
  readonly info: Uint8Array
  /** What stands beside the message; bound to the message. */
  readonly aad: Uint8Array
}

/** Keys of a context, as both sides derive them. */
export interface ContextKeys {
  readonly key: Uint8Array
  readonly baseNonce: Uint8Array
}

/** Seals a message to a public key (`SealBase`). */
export async function seal(publicKey: Uint8Array, message: Uint8Array, context: HpkeContext): Promise<SealedMessage> {
  const pair = await generatePair()
  const { key, baseNonce } = await senderKeys(publicKey, context.info, aes256Gcm, pair)
  const ciphertext = await aesGcm('encrypt', key, baseNonce, message, context.aad)
  return { encapsulated: pair.publicKey, ciphertext }
}

/** Opens a message (`OpenBase`). Rejects when it was not sealed so, or not to this key. */
export async function open(privateKey: Uint8Array, sealed: SealedMessage, context: HpkeContext): Promise<Uint8Array> {
  const { key, baseNonce } = await receiverKeys(privateKey, sealed.encapsulated, context.info, aes256Gcm)
  return aesGcm('decrypt', key, baseNonce, sealed.ciphertext, context.aad)
}

/** The keys of the sender, from a pair made for this message (`SetupBaseS`). */
export async function senderKeys(
  publicKey: Uint8Array,
  info: Uint8Array,
  aead: Aead,
  pair: X25519Pair,
): Promise<ContextKeys> {
  const shared = await sharedSecret(pair.privateKey, publicKey)
  return keySchedule(await kemSecret(shared, pair.publicKey, publicKey), info, aead)
}

/** The keys of the receiver (`SetupBaseR`). */
export async function receiverKeys(
  privateKey: Uint8Array,
  encapsulated: Uint8Array,
  info: Uint8Array,
  aead: Aead,
): Promise<ContextKeys> {
  const shared = await sharedSecret(privateKey, encapsulated)
  return keySchedule(await kemSecret(shared, encapsulated, await publicKeyOf(privateKey)), info, aead)
}

/** `ExtractAndExpand` of DHKEM, section 4.1. */
async function kemSecret(shared: Uint8Array, encapsulated: Uint8Array, publicKey: Uint8Array): Promise<Uint8Array> {
  const suite = concatBytes([ascii('KEM'), twoBytes(KEM)])
  const extracted = await labeledExtract(suite, new Uint8Array(0), 'eae_prk', shared)
  return labeledExpand(suite, extracted, 'shared_secret', concatBytes([encapsulated, publicKey]), 32)
}

/** `KeySchedule` in base mode, section 5.1. */
async function keySchedule(shared: Uint8Array, info: Uint8Array, aead: Aead): Promise<ContextKeys> {
  const suite = concatBytes([ascii('HPKE'), twoBytes(KEM), twoBytes(KDF), twoBytes(aead.id)])
  const none = new Uint8Array(0)
  const mode = Uint8Array.of(0)
  const pskHash = await labeledExtract(suite, none, 'psk_id_hash', none)
  const infoHash = await labeledExtract(suite, none, 'info_hash', info)
  const context = concatBytes([mode, pskHash, infoHash])
  const secret = await labeledExtract(suite, shared, 'secret', none)
  return {
    key: await labeledExpand(suite, secret, 'key', context, aead.keyBytes),
    baseNonce: await labeledExpand(suite, secret, 'base_nonce', context, 12),
  }
}

/** `LabeledExtract`, section 4. HKDF's extraction is an HMAC under the salt (RFC 5869, section 2.2). */
async function labeledExtract(
  suite: Uint8Array,
  salt: Uint8Array,
  label: string,
  key: Uint8Array,
): Promise<Uint8Array> {
  // an empty salt is a string of zeros, and WebCrypto imports no empty key
  const salted = salt.length === 0 ? new Uint8Array(32) : salt
  return hmacBytes('SHA-256', salted, concatBytes([ascii('HPKE-v1'), suite, ascii(label), key]))
}

/** `LabeledExpand`, section 4, for lengths of one block of SHA-256 at most (RFC 5869, section 2.3). */
async function labeledExpand(
  suite: Uint8Array,
  secret: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Promise<Uint8Array> {
  const labeled = concatBytes([twoBytes(length), ascii('HPKE-v1'), suite, ascii(label), info, Uint8Array.of(1)])
  return (await hmacBytes('SHA-256', secret, labeled)).slice(0, length)
}

async function aesGcm(
  direction: 'encrypt' | 'decrypt',
  key: Uint8Array,
  nonce: Uint8Array,
  bytes: Uint8Array,
  aad: Uint8Array,
): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey('raw', owned(key), 'AES-GCM', false, [direction])
  const algorithm = { name: 'AES-GCM', iv: owned(nonce), additionalData: owned(aad), tagLength: 128 }
  return new Uint8Array(await crypto.subtle[direction](algorithm, imported, owned(bytes)))
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function twoBytes(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}
