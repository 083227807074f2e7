// node only: uses node:crypto by way of the back end of Node
/**
 * `procura/backend/sodium`: Ed25519 by libsodium, which verifies in half the time that OpenSSL takes. Everything else is
 * left to the back end of Node.
 *
 * @module
 */

import type { PublicKey } from '../../did/public-key.ts'
import { ArgumentError } from '../../errors.ts'
import type { CryptoBackend, PreparedKey } from './backend.ts'
import { backend as node } from './node.ts'

/** The part of the package `sodium-native` that is used; the package itself is yours to install and to pass in. */
export interface Sodium {
  /** Returns whether the signature is one of the key over the message. */
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}

/** A key as one of the two libraries wants it. */
type Prepared = { readonly bytes: Uint8Array } | { readonly node: PreparedKey }

/**
 * Makes a back end of `sodium-native` (`import sodium from 'sodium-native'`), for the option `backend` of an authorizer.
 * It verifies in the turn of the call only, as libsodium has no threads; the verdicts are those of every other back end.
 *
 * @throws ArgumentError when it is not that package.
 */
export function sodiumBackend(sodium: Sodium): CryptoBackend {
  if (typeof sodium?.crypto_sign_verify_detached !== 'function') {
    throw new ArgumentError('the sodium back end is made of the package `sodium-native`')
  }
  return Object.freeze({
    name: 'sodium',
    checksPoints: true,
    sha256: node.sha256,
    ...(node.sha256Key !== undefined && { sha256Key: node.sha256Key }),
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
  // Node's answers at once.
  return { node: node.prepareKey(key) as PreparedKey }
}
