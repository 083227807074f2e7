/**
 * Who signs.
 *
 * @module
 */

import type { Did } from '../did/did.ts'
import { publicKey } from '../did/did-key.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import type { SigningKey } from './backend/backend.ts'
import { toLowS } from './signature.ts'

/**
 * A principal that can sign, with its private key wherever that is. Implement it for a key store of your own; what it
 * returns is verified before it is used.
 */
export interface Signer {
  /** Who signs: the `iss` of what is signed. */
  readonly did: Did
  /** What the key signs with. */
  readonly algorithm: SignatureAlgorithm
  /** The public key: 32 raw bytes for Ed25519, the 33 bytes of the compressed point for the others. */
  readonly publicKey: Uint8Array
  /** The longest message it can sign, in bytes, when there is a limit (AWS KMS: 4,096). */
  readonly maxMessageBytes?: number
  /**
   * Returns the raw signature of the bytes, 64 bytes long: `R || S` for Ed25519, `r || s` for ECDSA over SHA-256.
   * Throws or rejects when the key cannot sign. May answer at once or by a promise.
   */
  sign(bytes: Uint8Array, options?: { readonly signal?: AbortSignal | undefined }): Uint8Array | Promise<Uint8Array>
}

/**
 * Tells whether what the signer returns needs no second look: it is one of this library's, which sign with a key they
 * hold or verify what they were given.
 */
export function isSelfChecking(signer: Signer): boolean {
  return Object.hasOwn(signer, selfChecking)
}

/** What {@link createSigner} is made from. */
export interface SignerParts {
  readonly did: Did
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: Uint8Array
  readonly maxMessageBytes?: number
  readonly sign: Signer['sign']
}

/**
 * Makes a signer whose answers need no check. It is frozen, and JSON, string and inspection show the DID and nothing
 * else: private keys live in the closure of `sign`.
 */
export function createSigner(parts: SignerParts): Signer {
  // SIG-10
  const shown = (): { readonly did: Did } => ({ did: parts.did })
  const hidden = {
    [selfChecking]: true,
    toJSON: shown,
    toString: () => parts.did,
    [Symbol.for('nodejs.util.inspect.custom')]: shown,
  }
  const signer: Signer = { ...parts }
  for (const key of Reflect.ownKeys(hidden)) {
    Object.defineProperty(signer, key, { value: hidden[key as keyof typeof hidden] })
  }
  return Object.freeze(signer)
}

/** Makes a signer of a private key that a back end holds. */
export function signerOf(algorithm: SignatureAlgorithm, key: SigningKey, did?: Did): Signer {
  const own = publicKey(algorithm, key.publicKey)
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

/** Not copied by a spread, as it is not enumerable, and so not carried over to an object with another `sign`. */
const selfChecking: unique symbol = Symbol('selfChecking')
