/**
 * Makes a principal from a private key that the program has.
 *
 * @module
 */

import { backend } from '#backend'
import { ArgumentError } from '../../errors.ts'
import { anything, type OptionChecks, readOptions } from '../../support/options.ts'
import { bigEndian } from '../did/curves/big-endian.ts'
import type { Did } from '../did/did.ts'
import { publicKey } from '../did/did-key.ts'
import { type Jwk, jwkAlgorithm, publicKeyFromJwk } from '../did/jwk.ts'
import { checkAlgorithm } from '../did/multikey.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import { decodeBase64url } from '../ipld/base.ts'
import { decodePkcs8, type PrivateKeyBytes } from './pkcs8.ts'
import { orderOf } from './signature.ts'
import { type Signer, signerOf } from './signer.ts'
import { signingDid } from './signing-did.ts'

/** A private key in one of its usual forms. */
export type PrivateKeySource =
  /** The 32 bytes: the seed of RFC 8032, or the scalar of ECDSA, big-endian. */
  | { readonly seed: Uint8Array }
  /** The same 32 bytes as base64 or base64url, with or without padding, for example from an environment variable. */
  | { readonly base64: string }
  /** An unencrypted PKCS#8 key in DER. It contains its algorithm. */
  | { readonly pkcs8: Uint8Array }
  /** A JWK with `d`. It contains its algorithm. When it also contains the public key, both must belong together. */
  | { readonly jwk: Jwk }

/** Options of {@link importSigner}. */
export interface ImportSignerOptions {
  /** The algorithm of the key. Default: the algorithm in the PKCS#8 key or the JWK; `Ed25519` for raw bytes. */
  readonly algorithm?: SignatureAlgorithm
  /** The DID that the key signs for. Default: its `did:key`. For a `did:web`, the document must list the key. */
  readonly did?: Did
}

/**
 * Makes a signer from a private key. The key is copied, so the passed bytes can be overwritten afterwards. No error
 * message contains any part of the key.
 *
 * @throws ArgumentError when the private key is invalid or of another algorithm, or an option is invalid.
 * @throws MalformedError when a JWK has an unsupported algorithm or an invalid public key.
 *
 * @example
 * ```ts
 * import { importSigner } from 'procura/signer'
 *
 * // `openssl rand -base64 32` makes one.
 * const service = await importSigner({ base64: process.env['SERVICE_KEY'] ?? '' })
 * ```
 */
export async function importSigner(source: PrivateKeySource, options: ImportSignerOptions = {}): Promise<Signer> {
  const { algorithm: given, did } = readOptions('importSigner', options, { algorithm: anything, did: anything })
  const key = readSource(source)
  const { algorithm, secret } = read(key, given === undefined ? undefined : checkAlgorithm(given))
  // A string of 32 characters would become a key of zeros.
  if (!(secret instanceof Uint8Array)) throw new ArgumentError('the private key must be a Uint8Array')
  if (secret.length !== 32) throw new ArgumentError(`the private key must have 32 bytes (got ${secret.length})`)
  if (algorithm !== 'Ed25519') {
    const scalar = bigEndian(secret, 0, 32)
    if (scalar === 0n || scalar >= orderOf(algorithm)) throw new ArgumentError('the private key is out of range')
  }
  // The caller can change the JWK during an `await`.
  const jwk = key.jwk as Jwk | undefined
  const stated = jwk?.x !== undefined ? publicKeyFromJwk(jwk).bytes : undefined
  const signingKey = await backend.importKey(algorithm, secret)
  if (stated?.some((byte, i) => byte !== signingKey.publicKey[i])) {
    throw new ArgumentError('the private and the public key of the JWK do not belong together')
  }
  return signerOf(algorithm, signingKey, signingDid(did, publicKey(algorithm, signingKey.publicKey)))
}

/** The forms of a private key, each read once. */
type SourceFields = { readonly [Form in 'seed' | 'base64' | 'pkcs8' | 'jwk']?: unknown }

function readSource(source: PrivateKeySource): SourceFields {
  const hint = 'pass the private key as `{ seed }`, `{ base64 }`, `{ pkcs8 }` or `{ jwk }`'
  // The message of the platform about `in` with a string would contain the string.
  if (typeof source !== 'object' || source === null) throw new ArgumentError(`importSigner: ${hint}`)
  const fields: SourceFields = readOptions('the private key', source as SourceFields, sourceChecks)
  const forms = Object.values(fields).filter((value) => value !== undefined).length
  if (forms > 1) throw new ArgumentError(`importSigner: the private key has ${forms} forms; ${hint}`)
  return fields
}

function read(source: SourceFields, algorithm: SignatureAlgorithm | undefined): PrivateKeyBytes {
  if (source.seed !== undefined) return { algorithm: algorithm ?? 'Ed25519', secret: source.seed as Uint8Array }
  if (source.base64 !== undefined)
    return { algorithm: algorithm ?? 'Ed25519', secret: decodeText(source.base64 as string) }
  const key = source.pkcs8 !== undefined ? readPkcs8(source.pkcs8 as Uint8Array) : readJwk(source.jwk as Jwk)
  if (algorithm === undefined || algorithm === key.algorithm) return key
  throw new ArgumentError(`the private key has the algorithm ${key.algorithm}, not ${algorithm}`)
}

const sourceChecks: OptionChecks<SourceFields> = Object.freeze({
  seed: anything,
  base64: anything,
  pkcs8: anything,
  jwk: anything,
})

function readPkcs8(der: Uint8Array): PrivateKeyBytes {
  if (!(der instanceof Uint8Array)) throw new ArgumentError('`pkcs8` must be a Uint8Array in DER')
  return decodePkcs8(der)
}

function readJwk(jwk: Jwk): PrivateKeyBytes {
  if (typeof jwk?.d !== 'string') throw new ArgumentError('the JWK must contain the private key `d`')
  return { algorithm: jwkAlgorithm(jwk), secret: decodeText(jwk.d) }
}

/** The error of the decoder is not the cause, because it could contain a part of the key. */
function decodeText(text: string): Uint8Array {
  try {
    return decodeBase64url(
      text
        .replace(/={1,2}$/, '')
        .replaceAll('+', '-')
        .replaceAll('/', '_'),
      64,
    )
  } catch {
    throw new ArgumentError('the private key must be base64 or base64url')
  }
}
