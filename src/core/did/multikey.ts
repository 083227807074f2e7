/**
 * Public keys as multibase text (Controlled Documents 1.0, "Multikey"): the tail of a `did:key` and the
 * `publicKeyMultibase` of a DID document.
 *
 * @module
 */

import { ArgumentError, MalformedError } from '../../errors.ts'
import { decodeBase58btc, encodeBase58btc } from '../ipld/base.ts'
import { isCanonicalY, isSmallOrder } from './curves/ed25519-point.ts'

/**
 * The algorithm of a key: `Ed25519` (RFC 8032), `ES256` (ECDSA, P-256, SHA-256) or `ES256K` (ECDSA, secp256k1,
 * SHA-256). The key determines the algorithm; a token never does.
 */
export type SignatureAlgorithm = 'Ed25519' | 'ES256' | 'ES256K'

/** The algorithm and the bytes of a key. */
export interface KeyBytes {
  /** The algorithm of the multicodec code. */
  readonly algorithm: SignatureAlgorithm
  /** 32 bytes for Ed25519, 33 for the others. */
  readonly bytes: Uint8Array
}

/**
 * Parses a multikey and checks its form. `assertOnCurve` checks that the point is on its curve, which costs ten times
 * as much.
 *
 * @param text - `z…`
 * @throws MalformedError KEY-01 to KEY-06; kind `unsupported` for another kind of key.
 */
export function decodeMultikey(text: string): KeyBytes {
  // Decoding base58 takes quadratic time, so the length is checked first.
  if (text.length > maxLength)
    throw new MalformedError('KEY-01', `the key has more than ${maxLength} characters`, { kind: 'too_large' })
  if (!text.startsWith('z')) throw new MalformedError('KEY-02', 'the key must be in base58btc, which begins with `z`')
  const prefixed = decodeBase58btc(text.slice(1), maxLength)
  const algorithm = algorithmOf(prefixed)
  const key = { algorithm, bytes: prefixed.subarray(2) }
  assertForm(key)
  return key
}

/**
 * Encodes a key in the only spelling that {@link decodeMultikey} accepts.
 *
 * @param key - with the length that its algorithm requires.
 */
export function encodeMultikey({ algorithm, bytes }: KeyBytes): string {
  const prefixed = new Uint8Array(2 + bytes.length)
  prefixed.set(codes[algorithm])
  prefixed.set(bytes, 2)
  return `z${encodeBase58btc(prefixed)}`
}

/**
 * Checks that a value is an algorithm of this library.
 *
 * @throws ArgumentError that names the algorithms.
 */
export function checkAlgorithm(algorithm: SignatureAlgorithm): SignatureAlgorithm {
  if (!Object.keys(codes).includes(algorithm)) throw new ArgumentError('`algorithm` must be Ed25519, ES256 or ES256K')
  return algorithm
}

/**
 * Checks the length and the encoding of a key, and that an Ed25519 key is not of small order.
 *
 * @throws MalformedError KEY-04, KEY-05, KEY-06.
 */
export function assertForm({ algorithm, bytes }: KeyBytes): void {
  const length = algorithm === 'Ed25519' ? 32 : 33
  if (bytes.length !== length) {
    throw new MalformedError('KEY-04', `the ${algorithm} key must have ${length} bytes (got ${bytes.length})`)
  }
  if (algorithm !== 'Ed25519') {
    if (bytes[0] !== 2 && bytes[0] !== 3) throw new MalformedError('KEY-05', 'the key is not a compressed point')
    return
  }
  if (!isCanonicalY(bytes)) throw new MalformedError('KEY-05', 'the Ed25519 key is not canonically encoded')
  if (isSmallOrder(bytes)) throw new MalformedError('KEY-06', 'the Ed25519 key is of small order')
}

/** The error for a key that is not a point on the curve of its algorithm: KEY-07. */
export function notOnCurve({ algorithm }: KeyBytes): MalformedError {
  return new MalformedError('KEY-07', `the ${algorithm} key is not a point on the curve`)
}

/** The longest text of the three kinds has 49 characters. */
const maxLength = 64

/** The multicodec codes 0xed, 0x1200 and 0xe7 as minimal varints. */
const codes: Readonly<Record<SignatureAlgorithm, readonly [number, number]>> = Object.freeze({
  Ed25519: [0xed, 0x01],
  ES256: [0x80, 0x24],
  ES256K: [0xe7, 0x01],
})

/** Compares both bytes of the code, so a non-minimal varint is refused. */
function algorithmOf(prefixed: Uint8Array): SignatureAlgorithm {
  for (const algorithm of ['Ed25519', 'ES256', 'ES256K'] as const) {
    const code = codes[algorithm]
    if (prefixed[0] === code[0] && prefixed[1] === code[1]) return algorithm
  }
  throw new MalformedError('KEY-03', 'the key is incomplete or not supported; use Ed25519, P-256 or secp256k1', {
    kind: 'unsupported',
  })
}
