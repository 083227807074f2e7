/**
 * Keys and signatures a second time: `did:key` text to a point on its curve, and the strict rule of verification,
 * by the big-number arithmetic of noble alone.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { Point } from '@noble/ed25519'
import { base58btc } from 'multiformats/bases/base58'

/** The three algorithms every UCAN reader must know. */
export type Algorithm = 'Ed25519' | 'ES256' | 'ES256K'

/** A public key as in a `did:key`. */
export interface ReferenceKey {
  readonly algorithm: Algorithm
  readonly bytes: Uint8Array
}

const fieldPrime: bigint = 2n ** 255n - 19n
const groupOrder: bigint = 2n ** 252n + 27742317777372353535851937790883648493n

// Multicodec prefix (varint), length of the key, and the varsig header of its signatures.
const algorithms: readonly { algorithm: Algorithm; prefix: readonly number[]; length: number; header: string }[] = [
  { algorithm: 'Ed25519', prefix: [0xed, 0x01], length: 32, header: '3401ed01ed011371' },
  { algorithm: 'ES256', prefix: [0x80, 0x24], length: 33, header: '3401ec0180241271' },
  { algorithm: 'ES256K', prefix: [0xe7, 0x01], length: 33, header: '3401ec01e7011271' },
]

/** The varsig header of an algorithm, as bytes. */
export function varsigHeader(algorithm: Algorithm): Uint8Array {
  const entry = algorithms.find((one) => one.algorithm === algorithm)
  return Uint8Array.from(Buffer.from(entry?.header ?? '', 'hex'))
}

/** The algorithm that a varsig header names; `undefined` if it is not one of the three. */
export function headerAlgorithm(header: Uint8Array): Algorithm | undefined {
  const hex = Buffer.from(header).toString('hex')
  return algorithms.find((one) => one.header === hex)?.algorithm
}

/** The `did:key` of a public key. */
export function didOf(algorithm: Algorithm, bytes: Uint8Array): string {
  const prefix = algorithms.find((one) => one.algorithm === algorithm)?.prefix ?? []
  return `did:key:${base58btc.encode(Uint8Array.from([...prefix, ...bytes]))}`
}

/**
 * Reads the form of a `did:key`: the one canonical text of a key of one of the three algorithms, which is not of small
 * order. Whether it is a point of its curve is {@link isOnCurve}. `'unknown'` for another kind of key.
 */
export function parseDidKey(did: string): ReferenceKey | 'unknown' | undefined {
  const found = parsed.get(did)
  if (found !== undefined) return found
  const key = readDidKey(did)
  if (parsed.size >= 1_000) parsed.clear()
  if (key !== undefined) parsed.set(did, key)
  return key
}

/** Keys that were read: the same few come in many tokens, and to read a point costs a tenth of a millisecond. */
const parsed = new Map<string, ReferenceKey | 'unknown'>()

function readDidKey(did: string): ReferenceKey | 'unknown' | undefined {
  if (!did.startsWith('did:key:z')) return undefined
  let raw: Uint8Array
  try {
    raw = base58btc.decode(did.slice('did:key:'.length))
  } catch {
    return undefined
  }
  const entry = algorithms.find(({ prefix }) => prefix.every((byte, index) => raw[index] === byte))
  if (entry === undefined) return 'unknown'
  const { algorithm, prefix, length } = entry
  const bytes = raw.slice(prefix.length)
  if (bytes.length !== length || didOf(algorithm, bytes) !== did) return undefined
  const good = algorithm === 'Ed25519' ? isGoodEdwards(bytes) : bytes[0] === 2 || bytes[0] === 3
  return good ? { algorithm, bytes } : undefined
}

// The order ignores the sign of x, because x = 0 does not have one.
function isGoodEdwards(bytes: Uint8Array): boolean {
  if (yCoordinate(bytes) >= fieldPrime) return false
  try {
    return !Point.fromBytes(bytes.with(31, (bytes[31] as number) & 0x7f)).isSmallOrder()
  } catch {
    return true
  }
}

/** Returns whether a key is a point of its curve. */
export function isOnCurve({ algorithm, bytes }: ReferenceKey): boolean {
  try {
    if (algorithm === 'Ed25519') Point.fromBytes(bytes)
    else (algorithm === 'ES256' ? p256 : secp256k1).Point.fromBytes(bytes).assertValidity()
    return true
  } catch {
    return false
  }
}

/** Verifies a signature over a message: strict Ed25519, or ECDSA over SHA-256 with either of the two values of s. */
export function verifySignature(key: ReferenceKey, signature: Uint8Array, message: Uint8Array): boolean {
  if (signature.length !== 64) return false
  if (key.algorithm === 'Ed25519') return verifyEd25519(key.bytes, signature, message)
  const curve = key.algorithm === 'ES256' ? p256 : secp256k1
  try {
    return curve.verify(signature, message, key.bytes, { lowS: false, format: 'compact' })
  } catch {
    return false
  }
}

function verifyEd25519(key: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean {
  const r = signature.slice(0, 32)
  const s = littleEndian(signature.slice(32))
  if (s >= groupOrder || yCoordinate(r) >= fieldPrime || yCoordinate(key) >= fieldPrime) return false
  try {
    const pointA = Point.fromBytes(key)
    const pointR = Point.fromBytes(r)
    if (pointA.isSmallOrder() || pointR.isSmallOrder()) return false
    const k = littleEndian(createHash('sha512').update(r).update(key).update(message).digest()) % groupOrder
    const left = Point.BASE.multiply(s, false)
    const right = pointR.add(pointA.multiply(k, false))
    return left.equals(right)
  } catch {
    return false
  }
}

function yCoordinate(encoded: Uint8Array): bigint {
  return littleEndian(encoded) & (2n ** 255n - 1n)
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n)
}

/** The other valid signature of an ECDSA signature: `(r, n - s)`. */
export function twinSignature(algorithm: Algorithm, signature: Uint8Array): Uint8Array {
  const order = (algorithm === 'ES256' ? p256 : secp256k1).Point.Fn.ORDER
  const s = BigInt(`0x${Buffer.from(signature.slice(32)).toString('hex')}`)
  const other = (order - s).toString(16).padStart(64, '0')
  return Uint8Array.from([...signature.slice(0, 32), ...Buffer.from(other, 'hex')])
}
