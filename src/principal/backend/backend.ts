/**
 * What a platform has to do for signatures. One file beside this one for each platform: `node.ts`, `web.ts` and the
 * portable `noble.ts`. The rules that decide what a valid signature is are not theirs; see `verifySignature`.
 *
 * @module
 */

import type { PublicKey, SignatureAlgorithm } from '../../did/public-key.ts'

declare const preparedBrand: unique symbol

/** A public key in the form that a back end verifies with. Only the back end that made it can use it. */
export interface PreparedKey {
  readonly [preparedBrand]: true
}

/** Hashing and the bare verification of signatures. Answers at once where the platform can, else by a promise. */
export interface CryptoBackend {
  /** Which one it is, for messages and benchmarks. */
  readonly name: string
  /**
   * Whether `prepareKey` takes an Ed25519 key that is no point of the curve, and `verify` then answers no. Such a key
   * needs no check of its own before it is used. Default false.
   */
  readonly checksPoints?: boolean
  /** Returns the 32 bytes of SHA-256. */
  sha256(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>
  /**
   * The same as text of one character a byte, at once. Present where it costs less than bytes do: what has been met
   * before is looked up by such a text.
   */
  sha256Key?(bytes: Uint8Array): string
  /** Returns the key in the platform's own form, worth keeping: it can cost as much as a verification. */
  prepareKey(key: PublicKey): PreparedKey | Promise<PreparedKey>
  /**
   * Returns whether the bare equation holds: for Ed25519 without cofactor, for ECDSA with any s from 1 to n - 1. Call
   * it through `verifySignature`, which asks first what this does not.
   */
  verify(key: PreparedKey, signature: Uint8Array, message: Uint8Array): boolean | Promise<boolean>
  /** The same on another thread; absent where there is none. */
  verifyAsync?(key: PreparedKey, signature: Uint8Array, message: Uint8Array): Promise<boolean>
  /** Calls back when everything that has arrived by now has been begun. Comes with `verifyAsync`: it tells load. */
  nextTurn?(callback: () => void): void
}

/** A private key that a back end holds; its bytes cannot be read back through it. */
export interface SigningKey {
  /** The public half: 32 bytes, or the 33 of a compressed point. */
  readonly publicKey: Uint8Array
  /** Returns the raw signature of 64 bytes; for ECDSA `r || s` with either s. */
  sign(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** A back end that also makes signatures. */
export interface SigningBackend extends CryptoBackend {
  /** Makes a new private key from the platform's random source. */
  generateKey(algorithm: SignatureAlgorithm): SigningKey | Promise<SigningKey>
  /** Takes a private key: the 32-byte seed of RFC 8032, or the 32-byte big-endian scalar of ECDSA, in range. */
  importKey(algorithm: SignatureAlgorithm, secret: Uint8Array): SigningKey | Promise<SigningKey>
}
