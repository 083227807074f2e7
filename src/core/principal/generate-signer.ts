/**
 * Generates a principal.
 *
 * @module
 */

import { backend } from '#backend'
import { anything, readOptions, withDefault } from '../../support/options.ts'
import { checkAlgorithm } from '../did/multikey.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import { type Signer, signerOf } from './signer.ts'

/** Options of {@link generateSigner}. */
export interface GenerateSignerOptions {
  /** The algorithm of the key. Default `Ed25519`. */
  readonly algorithm?: SignatureAlgorithm
}

/**
 * Generates a key pair and its `did:key`. The private key stays in this process and cannot be exported. For a key that
 * lasts longer than the process, use `importSigner`, `webCryptoSigner` or `remoteSigner`.
 *
 * @throws ArgumentError when the algorithm is unknown.
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
  const { algorithm } = readOptions('generateSigner', options, { algorithm: withDefault(anything, 'Ed25519') })
  return signerOf(checkAlgorithm(algorithm), await backend.generateKey(algorithm))
}
