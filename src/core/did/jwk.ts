/**
 * Public keys as JSON Web Keys (RFC 7517, RFC 7518, RFC 8037, RFC 8812).
 *
 * @module
 */

import { MalformedError } from '../../errors.ts'
import { decodeBase64url } from '../ipld/base.ts'
import { publicKey } from './did-key.ts'
import { keyFromPoint } from './key-from-point.ts'
import type { PublicKey, SignatureAlgorithm } from './public-key.ts'

/** The members of a JWK that are used here. */
export interface Jwk {
  /** `OKP` for Ed25519, `EC` for the others. */
  readonly kty?: string
  /** `Ed25519`, `P-256` or `secp256k1`. */
  readonly crv?: string
  /** base64url of 32 bytes. */
  readonly x?: string
  /** base64url of 32 bytes; `EC` only. */
  readonly y?: string
  /** base64url of 32 bytes: the private key. */
  readonly d?: string
}

/**
 * Returns the algorithm of a JWK.
 *
 * @throws MalformedError KEY-10, kind `unsupported`, for another kind of key.
 */
export function jwkAlgorithm({ kty, crv }: Jwk): SignatureAlgorithm {
  const algorithm = typeof kty === 'string' && typeof crv === 'string' ? jwkAlgorithms.get(`${kty} ${crv}`) : undefined
  if (algorithm !== undefined) return algorithm
  throw new MalformedError('KEY-10', 'the JWK must be an Ed25519, P-256 or secp256k1 key', { kind: 'unsupported' })
}

/**
 * Parses the public key of a JWK; `d` is ignored.
 *
 * @throws MalformedError with the requirement that the key breaks.
 */
export function publicKeyFromJwk(jwk: Jwk): PublicKey {
  const algorithm = jwkAlgorithm(jwk)
  const x = coordinate(jwk.x)
  if (algorithm === 'Ed25519') return publicKey(algorithm, x)
  const key = keyFromPoint(algorithm, x, coordinate(jwk.y))
  if (key === undefined) throw new MalformedError('KEY-11', 'the coordinates of the JWK are not a point on the curve')
  return key
}

function coordinate(text: string | undefined): Uint8Array {
  const bytes = typeof text === 'string' ? decodeBase64url(text, 64) : new Uint8Array()
  if (bytes.length !== 32) throw new MalformedError('KEY-11', 'the coordinates of the JWK must have 32 bytes each')
  return bytes
}

const jwkAlgorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['OKP Ed25519', 'Ed25519'],
  ['EC P-256', 'ES256'],
  ['EC secp256k1', 'ES256K'],
])
