/**
 * The portable back end: Ed25519 by `@noble/ed25519`, ECDSA by `@noble/curves`, hashes by WebCrypto, which every host
 * has, also without the curves. It is twenty times slower than the platform's own, with the same verdicts.
 *
 * @module
 */

import { getPublicKeyAsync, Point, signAsync, utils } from '@noble/ed25519'
import type { PublicKey, SignatureAlgorithm } from '../../did/public-key.ts'
import type { PreparedKey, SigningBackend, SigningKey } from './backend.ts'

/** Signatures in JavaScript. Needs `crypto.subtle.digest` and `crypto.getRandomValues`. */
export const backend: SigningBackend = Object.freeze({
  name: 'noble',
  sha256: (bytes: Uint8Array) => digest('SHA-256', bytes),
  prepareKey: async (key: PublicKey) =>
    (key.algorithm === 'Ed25519' ? edwardsKey(key.bytes) : await ecdsaKey(key)) as unknown as PreparedKey,
  verify: async (key: PreparedKey, signature: Uint8Array, message: Uint8Array) =>
    (key as unknown as NobleKey).verify(signature, message),
  generateKey: async (algorithm: SignatureAlgorithm) =>
    algorithm === 'Ed25519' ? edwardsSigningKey(utils.randomSecretKey()) : ecdsaSigningKey(algorithm),
  importKey: async (algorithm: SignatureAlgorithm, secret: Uint8Array) =>
    algorithm === 'Ed25519'
      ? edwardsSigningKey(new Uint8Array(secret))
      : ecdsaSigningKey(algorithm, new Uint8Array(secret)),
})

interface NobleKey {
  verify(signature: Uint8Array, message: Uint8Array): boolean | Promise<boolean>
}

/** Uses the points of the library, because its own `verify` multiplies by the cofactor in all of its modes. */
function edwardsKey(bytes: Uint8Array): NobleKey {
  const minusA = Point.fromBytes(bytes).negate()
  return {
    verify: async (signature, message) => {
      const r = signature.subarray(0, 32)
      const hashed = new Uint8Array(64 + message.length)
      hashed.set(r)
      hashed.set(bytes, 32)
      hashed.set(message, 64)
      const k = littleEndian(await digest('SHA-512', hashed)) % Point.CURVE().n
      const s = littleEndian(signature.subarray(32))
      const expected = Point.BASE.multiply(s, false).add(minusA.multiply(k, false)).toBytes()
      return expected.every((byte, i) => byte === r[i])
    },
  }
}

async function edwardsSigningKey(seed: Uint8Array): Promise<SigningKey> {
  const publicKey = await getPublicKeyAsync(seed)
  return Object.freeze({ publicKey, sign: (bytes: Uint8Array) => signAsync(bytes, seed) })
}

async function ecdsaKey({ algorithm, bytes }: PublicKey): Promise<NobleKey> {
  const curve = await curveOf(algorithm)
  return { verify: (signature, message) => curve.verify(signature, message, bytes, { lowS: false }) }
}

async function ecdsaSigningKey(algorithm: SignatureAlgorithm, secret?: Uint8Array): Promise<SigningKey> {
  const curve = await curveOf(algorithm)
  const secretKey = secret ?? curve.utils.randomSecretKey()
  return Object.freeze({
    publicKey: curve.getPublicKey(secretKey, true),
    sign: (bytes: Uint8Array) => curve.sign(bytes, secretKey),
  })
}

/** Loaded on first use: most programs never use such a key, and the curves are the larger half of the code. */
async function curveOf(algorithm: SignatureAlgorithm) {
  return algorithm === 'ES256'
    ? (await import('@noble/curves/nist.js')).p256
    : (await import('@noble/curves/secp256k1.js')).secp256k1
}

async function digest(name: 'SHA-256' | 'SHA-512', bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest(name, bytes as Uint8Array<ArrayBuffer>))
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0)
  return value
}
