// node only: uses node:crypto
/**
 * The back end of Node.js (also Bun and Deno): OpenSSL, synchronous, with key objects that are created once.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import * as crypto from 'node:crypto'
import { compressPoint } from '../../did/curves/compress-point.ts'
import { decompressPoint } from '../../did/curves/decompress-point.ts'
import { p256Curve, secp256k1Curve } from '../../did/curves/weierstrass.ts'
import type { PublicKey, SignatureAlgorithm } from '../../did/public-key.ts'
import { decodeBase64url, encodeBase64url } from '../../ipld/base.ts'
import { encodeEd25519Pkcs8 } from '../encode-pkcs8.ts'
import type { PreparedKey, SigningBackend, SigningKey } from './backend.ts'
import { withPortableSecp256k1 } from './portable-secp256k1.ts'

const platform: SigningBackend = Object.freeze({
  name: 'node',
  sha256,
  ...(typeof crypto.hash === 'function' ? { sha256Key, sha256Base64url, sha256Hex } : {}),
  prepareKey: (key: PublicKey) => prepared(publicKeyOf(key), key.algorithm) as unknown as PreparedKey,
  verify: (key: PreparedKey, signature: Uint8Array, message: Uint8Array) => {
    const { hash, input } = key as unknown as NodeKey
    return crypto.verify(hash, message, input, signature)
  },
  verifyAsync: (key: PreparedKey, signature: Uint8Array, message: Uint8Array) =>
    new Promise<boolean>((resolve, reject) => {
      const { hash, input } = key as unknown as NodeKey
      crypto.verify(hash, message, input, signature, (error, valid) => (error ? reject(error) : resolve(valid)))
    }),
  nextTurn: (callback: () => void) => {
    setImmediate(callback)
  },
  nextCallback: (callback: () => void) => {
    process.nextTick(callback)
  },
  generateKey: (algorithm: SignatureAlgorithm) => signingKey(algorithm, privateKeyOf(algorithm, newSecret(algorithm))),
  importKey: (algorithm: SignatureAlgorithm, secret: Uint8Array) =>
    signingKey(algorithm, privateKeyOf(algorithm, secret)),
})

/** Signatures and hashes by `node:crypto`. */
export const backend: SigningBackend =
  process.versions['bun'] === undefined && process.versions['deno'] === undefined
    ? platform
    : withPortableSecp256k1(platform)

/** The arguments of `crypto.verify` and `crypto.sign` for one key. */
interface NodeKey {
  readonly hash: 'sha256' | null
  readonly input: crypto.KeyObject | (crypto.VerifyKeyObjectInput & crypto.SignKeyObjectInput)
}

/** The names of the curves: in a JWK (RFC 7518, RFC 8812) and in OpenSSL. */
const curves = Object.freeze({
  ES256: Object.freeze({ jwk: 'P-256', openssl: 'prime256v1', points: p256Curve }),
  ES256K: Object.freeze({ jwk: 'secp256k1', openssl: 'secp256k1', points: secp256k1Curve }),
})

function sha256(bytes: Uint8Array): Uint8Array {
  // Some hosts that offer node:crypto lack the one-shot call.
  if (typeof crypto.hash !== 'function') return Uint8Array.from(crypto.createHash('sha256').update(bytes).digest())
  // Through text: creating a `Buffer` takes four times as long.
  const text = sha256Key(bytes)
  const digest = new Uint8Array(32)
  for (let i = 0; i < 32; i++) digest[i] = text.charCodeAt(i)
  return digest
}

function sha256Key(bytes: Uint8Array): string {
  return crypto.hash('sha256', bytes, 'binary')
}

function sha256Base64url(bytes: Uint8Array): string {
  return crypto.hash('sha256', bytes, 'base64url')
}

function sha256Hex(bytes: Uint8Array): string {
  return crypto.hash('sha256', bytes, 'hex')
}

function prepared(key: crypto.KeyObject, algorithm: SignatureAlgorithm): NodeKey {
  return algorithm === 'Ed25519'
    ? { hash: null, input: key }
    : { hash: 'sha256', input: { key, dsaEncoding: 'ieee-p1363' } }
}

/** Through a JWK, which OpenSSL parses fifteen times faster than SPKI. */
function publicKeyOf({ algorithm, bytes }: PublicKey): crypto.KeyObject {
  if (algorithm === 'Ed25519') {
    const key = { kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(bytes) }
    return crypto.createPublicKey({ key, format: 'jwk' })
  }
  const { x, y } = decompressPoint(curves[algorithm].points, bytes)
  const key = { kty: 'EC', crv: curves[algorithm].jwk, x: encodeBase64url(x), y: encodeBase64url(y) }
  return crypto.createPublicKey({ key, format: 'jwk' })
}

/**
 * New private keys are made from random bytes and not with `generateKeyPair`: on Node 20, the export of a generated
 * public key can block for ever on the garbage collection of its job.
 */
function newSecret(algorithm: SignatureAlgorithm): Uint8Array {
  const secret = new Uint8Array(32)
  if (algorithm === 'Ed25519') return crypto.getRandomValues(secret)
  const pair = crypto.createECDH(curves[algorithm].openssl)
  pair.generateKeys()
  const scalar = pair.getPrivateKey()
  secret.set(scalar, secret.length - scalar.length)
  return secret
}

function privateKeyOf(algorithm: SignatureAlgorithm, secret: Uint8Array): crypto.KeyObject {
  if (algorithm === 'Ed25519') {
    const der = encodeEd25519Pkcs8(secret)
    const key = crypto.createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' })
    der.fill(0)
    return key
  }
  const pair = crypto.createECDH(curves[algorithm].openssl)
  pair.setPrivateKey(secret)
  const point = pair.getPublicKey()
  const part = (from: number, to: number) => encodeBase64url(Uint8Array.from(point.subarray(from, to)))
  const key = { kty: 'EC', crv: curves[algorithm].jwk, d: encodeBase64url(secret), x: part(1, 33), y: part(33, 65) }
  return crypto.createPrivateKey({ key, format: 'jwk' })
}

function signingKey(algorithm: SignatureAlgorithm, privateKey: crypto.KeyObject): SigningKey {
  const { hash, input } = prepared(privateKey, algorithm)
  return Object.freeze({
    publicKey: publicBytes(algorithm, privateKey),
    sign: (bytes: Uint8Array) => {
      const signature = crypto.sign(hash, bytes, input)
      return new Uint8Array(signature.buffer, signature.byteOffset, signature.length)
    },
  })
}

function publicBytes(algorithm: SignatureAlgorithm, privateKey: crypto.KeyObject): Uint8Array {
  const { x = '', y = '' } = crypto.createPublicKey(privateKey).export({ format: 'jwk' })
  return algorithm === 'Ed25519' ? decodeBase64url(x) : compressPoint(decodeBase64url(x), decodeBase64url(y))
}
