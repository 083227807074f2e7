// node only: uses node:crypto by way of the back end of Node
/**
 * `procura/backend/sodium`: Ed25519 by libsodium, which verifies in half the time of OpenSSL. The back end of Node does
 * the rest.
 *
 * @module
 */

import { ArgumentError } from '../../../errors.ts'
import type { PublicKey } from '../../did/public-key.ts'
import type { CryptoBackend, PreparedKey } from './backend.ts'
import { backend as node } from './node.ts'

/** The part of the package `sodium-native` that is used. The program installs the package and passes it. */
export interface Sodium {
  /** Returns whether the signature of the key over the message is valid. */
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}

/** A key in the form of one of the two libraries. */
type Prepared = { readonly bytes: Uint8Array } | { readonly node: PreparedKey }

/**
 * Makes a back end from `sodium-native` (`import sodium from 'sodium-native'`), for the option `backend` of an
 * authorizer. It verifies on the calling thread only, because libsodium has no threads. All back ends have the same
 * verdicts.
 *
 * @throws ArgumentError when `sodium` is not that package.
 */
export function sodiumBackend(sodium: Sodium): CryptoBackend {
  if (typeof sodium?.crypto_sign_verify_detached !== 'function') {
    throw new ArgumentError('sodiumBackend: `sodium` must be the package `sodium-native`')
  }
  return Object.freeze({
    name: 'sodium',
    sha256: node.sha256,
    ...(node.sha256Key !== undefined && { sha256Key: node.sha256Key }),
    ...(node.sha256Base64url !== undefined && { sha256Base64url: node.sha256Base64url }),
    prepareKey: (key: PublicKey) => prepare(key) as unknown as PreparedKey,
    verify: (key: PreparedKey, signature: Uint8Array, message: Uint8Array) => {
      const prepared = key as unknown as Prepared
      return 'bytes' in prepared
        ? sodium.crypto_sign_verify_detached(signature, message, prepared.bytes)
        : node.verify(prepared.node, signature, message)
    },
  })
}

function prepare(key: PublicKey): Prepared {
  if (key.algorithm === 'Ed25519') return { bytes: new Uint8Array(key.bytes) }
  // The back end of Node is synchronous.
  return { node: node.prepareKey(key) as PreparedKey }
}
