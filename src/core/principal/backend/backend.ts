/**
 * The interface of a back end: the signatures and hashes of a platform. There is a file beside this one for each
 * platform: `node.ts`, `web.ts` and the portable `noble.ts`. `verifySignature` has the rules for a valid signature.
 *
 * @module
 */

import type { PublicKey, SignatureAlgorithm } from '../../did/public-key.ts'

declare const preparedBrand: unique symbol

/** A public key in the form of one back end. Only the back end that made it can use it. */
export interface PreparedKey {
  readonly [preparedBrand]: true
}

/** Hashes, and the equations of signatures. Synchronous where the platform is, otherwise with promises. */
export interface CryptoBackend {
  /** The name of the back end, for messages and benchmarks. */
  readonly name: string
  /** Returns the 32 bytes of SHA-256. */
  sha256(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>
  /**
   * SHA-256 as text with one character per byte, synchronously. Present where it costs less than bytes do: it is the
   * key under which known tokens are cached.
   */
  sha256Key?(bytes: Uint8Array): string
  /** SHA-256 in base64url, synchronously. Present where it costs less than bytes do. */
  sha256Base64url?(bytes: Uint8Array): string
  /** SHA-256 as lower-case hexadecimal digits, synchronously. Present where it costs less than bytes do. */
  sha256Hex?(bytes: Uint8Array): string
  /**
   * Converts a key to the form of the platform. Keep the result: the conversion can cost as much as a verification. A
   * key of the right form need not be a point of its curve: then this throws, or `verify` returns false for each
   * signature.
   */
  prepareKey(key: PublicKey): PreparedKey | Promise<PreparedKey>
  /**
   * Returns whether the equation of the signature holds: for Ed25519 without cofactor, for ECDSA with any s from 1 to
   * `n - 1`. Call it through `verifySignature`, which makes the other checks first.
   */
  verify(key: PreparedKey, signature: Uint8Array, message: Uint8Array): boolean | Promise<boolean>
  /** The same on another thread. Absent on platforms without threads. */
  verifyAsync?(key: PreparedKey, signature: Uint8Array, message: Uint8Array): Promise<boolean>
  /** Calls back when all work that has arrived by now has started. Present with `verifyAsync`, to measure the load. */
  nextTurn?(callback: () => void): void
  /**
   * Calls back when the present callback of the event loop has ended with all its microtasks, when it is asked from a
   * microtask. Where it is absent, calls that are awaited one after another count as calls that are there together.
   */
  nextCallback?(callback: () => void): void
}

/** A private key in a back end. Its bytes cannot be read. */
export interface SigningKey {
  /** The public key: 32 bytes, or the 33 bytes of a compressed point. */
  readonly publicKey: Uint8Array
  /** Returns the raw signature of 64 bytes; for ECDSA `r || s` with either s. */
  sign(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** A back end that also makes signatures. */
export interface SigningBackend extends CryptoBackend {
  /** Generates a private key from the random source of the platform. */
  generateKey(algorithm: SignatureAlgorithm): SigningKey | Promise<SigningKey>
  /** Imports a private key: the 32-byte seed of RFC 8032, or the 32-byte big-endian scalar of ECDSA, in range. */
  importKey(algorithm: SignatureAlgorithm, secret: Uint8Array): SigningKey | Promise<SigningKey>
}
