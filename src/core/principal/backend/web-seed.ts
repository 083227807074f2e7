/**
 * Imports private keys from bytes to WebCrypto.
 *
 * @module
 */

import { encodeEd25519Pkcs8 } from '../encode-pkcs8.ts'

/**
 * Imports the seed of an Ed25519 key. The platform computes the public key, but exports it only from an extractable
 * key. Therefore the seed is imported twice; the key that is kept is not extractable.
 */
export async function importSeed(seed: Uint8Array, name: EcKeyImportParams): Promise<CryptoKeyPair> {
  const { subtle } = crypto
  const pkcs8 = encodeEd25519Pkcs8(seed)
  const open = await subtle.importKey('pkcs8', pkcs8, name, true, ['sign'])
  const { kty = '', crv = '', x = '' } = await subtle.exportKey('jwk', open)
  const [privateKey, publicKey] = await Promise.all([
    subtle.importKey('pkcs8', pkcs8, name, false, ['sign']),
    subtle.importKey('jwk', { kty, crv, x }, name, true, ['verify']),
  ])
  pkcs8.fill(0)
  return { privateKey, publicKey }
}
