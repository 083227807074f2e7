/**
 * A new principal.
 *
 * @module
 */

import { backend } from '#backend'
import { checkAlgorithm } from '../did/multikey.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import { anything, readOptions } from '../support/options.ts'
import { type Signer, signerOf } from './signer.ts'

/** Options of {@link generateSigner}. */
export interface GenerateSignerOptions {
  /** What the key signs with; default `Ed25519`. */
  readonly algorithm?: SignatureAlgorithm
}

/**
 * Makes a new key pair and its `did:key`. The key lives in this process and cannot be read out; for a key that lasts,
 * use `importSigner`, `webCryptoSigner` or `remoteSigner`.
 *
 * @throws ArgumentError when there is no such algorithm.
 *
 * @example
 * ```ts
 * import { generateSigner } from 'procura'
 *
 * const owner = await generateSigner()
 * console.log(owner.did) // did:key:z6Mk…
 * ```
 */
export async function generateSigner(options: GenerateSignerOptions = {}): Promise<Signer> {
  const { algorithm = 'Ed25519' } = readOptions('generateSigner', options, { algorithm: anything })
  return signerOf(checkAlgorithm(algorithm), await backend.generateKey(algorithm))
}
