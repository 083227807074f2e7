/**
 * The principals of the vectors. Their keys are made from their names and their signatures from key and message alone,
 * so that the vectors come out the same every time.
 *
 * @module
 */

import { createHash, createPrivateKey, createPublicKey, sign as signBytes } from 'node:crypto'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { base58btc } from 'multiformats/bases/base58'
import { concat, fromHex } from './cbor.ts'

/** How a principal signs. */
export type Algorithm = 'Ed25519' | 'ES256' | 'ES256K'

/** Somebody who can sign. */
export interface Principal {
  readonly algorithm: Algorithm
  readonly did: string
  /** 32 raw bytes, or the compressed point of 33. */
  readonly publicKey: Uint8Array
  /** The seed of Ed25519, or the scalar of ECDSA. */
  readonly secretKey: Uint8Array
  /** 64 bytes; with low S for ECDSA. */
  sign(message: Uint8Array): Uint8Array
}

/** A principal by name: its private key is the SHA-256 of `procura vectors <name>`. */
export function principal(name: string, algorithm: Algorithm = 'Ed25519'): Principal {
  const secretKey = sha256(new TextEncoder().encode(`procura vectors ${name}`))
  if (algorithm === 'Ed25519') {
    const key = createPrivateKey({ key: Buffer.from(concat([pkcs8, secretKey])), format: 'der', type: 'pkcs8' })
    const publicKey = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32))
    return {
      ...{ algorithm, did: didOf(algorithm, publicKey), publicKey, secretKey },
      sign: (message) => new Uint8Array(signBytes(null, message, key)),
    }
  }
  const curve = algorithm === 'ES256' ? p256 : secp256k1
  const publicKey = curve.getPublicKey(secretKey, true)
  const sign = (message: Uint8Array): Uint8Array => curve.sign(message, secretKey, { lowS: true })
  return { algorithm, did: didOf(algorithm, publicKey), publicKey, secretKey, sign }
}

/** A private key of Ed25519 in PKCS #8, up to the 32 bytes of its seed. */
const pkcs8 = fromHex('302e020100300506032b657004220420')

/** The `did:key` of a key. */
export function didOf(algorithm: Algorithm, publicKey: Uint8Array): string {
  return didKey(codes[algorithm], publicKey)
}

/** A `did:key` of any multicodec code, as hexadecimal digits of the varint, and any bytes. */
export function didKey(code: string, bytes: Uint8Array): string {
  return `did:key:${base58btc.encode(concat([fromHex(code), bytes]))}`
}

/** The varsig header that goes with an algorithm. */
export function varsigOf(algorithm: Algorithm): Uint8Array {
  return fromHex(varsigs[algorithm])
}

/** The hash that everything is named by. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}

/** The codes of the three kinds of key as varints. */
export const codes: Readonly<Record<Algorithm, string>> = { Ed25519: 'ed01', ES256: '8024', ES256K: 'e701' }

const varsigs: Readonly<Record<Algorithm, string>> = {
  Ed25519: '3401 ed01 ed01 13 71',
  ES256: '3401 ec01 8024 12 71',
  ES256K: '3401 ec01 e701 12 71',
}

/** Whose authority it is. */
export const owner: Principal = principal('owner')
/** First delegate. */
export const planner: Principal = principal('planner')
/** Second delegate. */
export const mailer: Principal = principal('mailer')
/** Third delegate. */
export const courier: Principal = principal('courier')
/** Somebody who was given nothing. */
export const stranger: Principal = principal('stranger')
/** The service that is asked. */
export const service: Principal = principal('service')
/** Another service. */
export const otherService: Principal = principal('other service')
