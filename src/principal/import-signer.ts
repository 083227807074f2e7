/**
 * A principal whose private key the program has at hand.
 *
 * @module
 */

import { backend } from '#backend'
import { bigEndian } from '../did/curves/weierstrass.ts'
import type { Did } from '../did/did.ts'
import { publicKey } from '../did/did-key.ts'
import { type Jwk, jwkAlgorithm, publicKeyFromJwk } from '../did/jwk.ts'
import { checkAlgorithm } from '../did/multikey.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import { ArgumentError } from '../errors.ts'
import { decodeBase64url } from '../ipld/base.ts'
import { anything, type OptionChecks, readOptions } from '../support/options.ts'
import { decodePkcs8, type PrivateKeyBytes } from './pkcs8.ts'
import { orderOf } from './signature.ts'
import { type Signer, signerOf } from './signer.ts'
import { signingDid } from './signing-did.ts'

/** A private key in one of the forms it is kept in. */
export type PrivateKeySource =
  /** The 32 bytes: the seed of RFC 8032, or the scalar of ECDSA, big-endian. */
  | { readonly seed: Uint8Array }
  /** The same 32 bytes as text, in base64 or base64url, with or without padding; handy for an environment variable. */
  | { readonly base64: string }
  /** An unencrypted PKCS#8 file in DER; it names its algorithm. */
  | { readonly pkcs8: Uint8Array }
  /** A JWK with `d`; it names its algorithm. When it holds the public key as well, both must belong together. */
  | { readonly jwk: Jwk }

/** Options of {@link importSigner}. */
export interface ImportSignerOptions {
  /** What the key signs with; default `Ed25519` for bare bytes, else what the file says. */
  readonly algorithm?: SignatureAlgorithm
  /** The DID that the key signs for, when that is not its own `did:key`: a `did:web`, whose document lists the key. */
  readonly did?: Did
}

/**
 * Takes a private key. It is copied; the bytes passed in can be overwritten afterwards.
 *
 * @throws ArgumentError when it is no private key of the algorithm or an option is not of its type, MalformedError when a
 *   JWK is of another kind or its public key is none. No message shows any of the key.
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
  const { algorithm, secret } = read(source, given === undefined ? undefined : checkAlgorithm(given))
  // A text of 32 characters would become a key of zeros.
  if (!(secret instanceof Uint8Array)) throw new ArgumentError('the private key is not given as bytes')
  if (secret.length !== 32) throw new ArgumentError(`the private key is ${secret.length} bytes long, not 32`)
  if (algorithm !== 'Ed25519') {
    const scalar = bigEndian(secret, 0, 32)
    if (scalar === 0n || scalar >= orderOf(algorithm)) throw new ArgumentError('the private key is out of range')
  }
  // Read before anything is waited for.
  const stated = 'jwk' in source && source.jwk.x !== undefined ? publicKeyFromJwk(source.jwk).bytes : undefined
  const key = await backend.importKey(algorithm, secret)
  if (stated?.some((byte, i) => byte !== key.publicKey[i])) {
    throw new ArgumentError('the private and the public key of the JWK do not belong together')
  }
  return signerOf(algorithm, key, signingDid(did, publicKey(algorithm, key.publicKey)))
}

function read(source: PrivateKeySource, algorithm: SignatureAlgorithm | undefined): PrivateKeyBytes {
  // Asked here, as the platform's own message about a text that is no object shows the text.
  if (typeof source !== 'object' || source === null) {
    throw new ArgumentError('a private key is given as `{ seed }`, `{ base64 }`, `{ pkcs8 }` or `{ jwk }`')
  }
  readOptions('the private key', source, sourceChecks)
  if ('seed' in source) return { algorithm: algorithm ?? 'Ed25519', secret: source.seed }
  if ('base64' in source) return { algorithm: algorithm ?? 'Ed25519', secret: decodeText(source.base64) }
  const key = 'pkcs8' in source ? readPkcs8(source.pkcs8) : readJwk(source.jwk)
  if (algorithm === undefined || algorithm === key.algorithm) return key
  throw new ArgumentError(`the private key is one of ${key.algorithm}, not of ${algorithm}`)
}

const sourceChecks: OptionChecks<PrivateKeySource> = Object.freeze({
  seed: anything,
  base64: anything,
  pkcs8: anything,
  jwk: anything,
})

function readPkcs8(der: Uint8Array): PrivateKeyBytes {
  if (!(der instanceof Uint8Array)) throw new ArgumentError('`pkcs8` is given as bytes, in DER')
  return decodePkcs8(der)
}

function readJwk(jwk: Jwk): PrivateKeyBytes {
  if (typeof jwk?.d !== 'string') throw new ArgumentError('the JWK holds no private key `d`')
  return { algorithm: jwkAlgorithm(jwk), secret: decodeText(jwk.d) }
}

/** The error of the decoder is not passed on, lest a later wording of it show a part of the key. */
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
    throw new ArgumentError('the private key is not base64')
  }
}
