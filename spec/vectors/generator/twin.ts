/**
 * Second signatures over the same bytes.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { concat, fromHex } from './cbor.ts'
import type { Principal } from './principals.ts'
import { envelope, type Token } from './token.ts'

/** The token with the other ECDSA signature, `(r, n - s)`, which everybody can make of the first. */
export function twin(token: Token, algorithm: 'ES256' | 'ES256K'): Token {
  const order = (algorithm === 'ES256' ? p256 : secp256k1).Point.Fn.ORDER
  const s = BigInt(`0x${Buffer.from(token.signature.slice(32)).toString('hex')}`)
  return signedWith(token, concat([token.signature.slice(0, 32), numberBytes(order - s)]))
}

/** The token with another Ed25519 signature by the same key: the holder of the key can choose another R. */
export function signedTwice(token: Token, { publicKey, secretKey }: Principal): Token {
  const { Point, utils } = ed25519
  const { scalar } = utils.getExtendedPublicKey(secretKey)
  const nonce = reversed(createHash('sha512').update('procura vectors second nonce').digest()) % Point.Fn.ORDER
  const r = Point.BASE.multiply(nonce).toBytes()
  const k = reversed(createHash('sha512').update(r).update(publicKey).update(token.signed).digest())
  const s = (nonce + (k % Point.Fn.ORDER) * scalar) % Point.Fn.ORDER
  return signedWith(token, concat([r, numberBytes(s).reverse()]))
}

function signedWith(token: Token, signature: Uint8Array): Token {
  return { ...token, signature, bytes: envelope(signature, token.signed) }
}

function reversed(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n)
}

function numberBytes(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, '0'))
}
