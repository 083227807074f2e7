/**
 * The interface of a principal that signs.
 *
 * @module
 */

import { createNonces } from '../../support/nonces.ts'
import type { Did } from '../did/did.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import { namedKey } from '../did/read-did-key.ts'
import type { SigningKey } from './backend/backend.ts'
import { toLowS } from './signature.ts'

/**
 * A principal that can sign. Implement it for a key store of your own; its signatures are verified before they are
 * used.
 */
export interface Signer {
  /** The DID of the principal: the `iss` of the signed tokens. */
  readonly did: Did
  /** The algorithm of the key. */
  readonly algorithm: SignatureAlgorithm
  /** The public key: 32 raw bytes for Ed25519, 33 bytes (compressed point) for the others. */
  readonly publicKey: Uint8Array
  /** Most bytes of a message, if there is a limit (AWS KMS: 4,096). */
  readonly maxMessageBytes?: number
  /**
   * Returns the raw signature of the bytes, 64 bytes long: `R || S` for Ed25519, `r || s` for ECDSA over SHA-256.
   * Throws or rejects when the key cannot sign. May be synchronous or return a promise.
   */
  sign(bytes: Uint8Array, options?: { readonly signal?: AbortSignal | undefined }): Uint8Array | Promise<Uint8Array>
}

/**
 * Whether the signatures of a signer need no verification: the signer is one of this library, which sign with their own
 * key or verify the result.
 */
export function isSelfChecking(signer: Signer): boolean {
  return Object.hasOwn(signer, selfChecking)
}

/** The DID of a signer, when it was parsed: a signer of this library is frozen, and another one may return anything. */
export function parsedDids(signer: Signer): readonly Did[] {
  return isSelfChecking(signer) ? [signer.did] : []
}

/** The nonces of a signer of this library. Undefined for another one. */
export function noncesOf(signer: Signer): (() => Uint8Array) | undefined {
  return (signer as { readonly [selfChecking]?: () => Uint8Array })[selfChecking]
}

/** Options of {@link createSigner}. */
export interface SignerParts {
  readonly did: Did
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: Uint8Array
  readonly maxMessageBytes?: number
  readonly sign: Signer['sign']
}

/**
 * Makes a signer whose signatures need no verification. It is frozen. As JSON, as string and in inspection it shows
 * only its DID: private keys are in the closure of `sign`.
 */
export function createSigner(parts: SignerParts): Signer {
  // SIG-10
  const shown = { value: () => ({ did: parts.did }) }
  const hidden = {
    [selfChecking]: { value: createNonces() },
    toJSON: shown,
    toString: { value: () => parts.did },
    [Symbol.for('nodejs.util.inspect.custom')]: shown,
  }
  return Object.freeze(Object.defineProperties({ ...parts }, hidden))
}

/** Makes a signer from a private key of a back end. */
export function signerOf(algorithm: SignatureAlgorithm, key: SigningKey, did?: Did): Signer {
  const own = namedKey(algorithm, key.publicKey)
  return createSigner({
    did: did ?? own.did,
    algorithm,
    publicKey: own.bytes,
    sign: (bytes) => {
      const signature = key.sign(bytes)
      return signature instanceof Uint8Array
        ? toLowS(algorithm, signature)
        : signature.then((raw) => toLowS(algorithm, raw))
    },
  })
}

/**
 * Its value is the source of {@link noncesOf}. It is not enumerable, so a spread does not copy it to an object with
 * another `sign`.
 */
const selfChecking: unique symbol = Symbol('selfChecking')
