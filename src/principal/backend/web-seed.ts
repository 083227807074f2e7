/**
 * Private keys given as bytes, for WebCrypto. Loaded when first needed: most keys are made where they are used.
 *
 * @module
 */

import { encodeEd25519Pkcs8 } from '../pkcs8.ts'

/**
 * Imports the seed of an Ed25519 key. A seed comes without its public key, which the platform tells of an exportable key
 * alone; the key that is kept is not exportable.
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
