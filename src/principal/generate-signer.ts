/**
 * A new principal.
 *
 * @module
 */

import { backend } from '#backend'
import { checkAlgorithm } from '../did/multikey.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import { ArgumentError } from '../errors.ts'
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
 * @throws {@link ArgumentError} when there is no such algorithm.
 */
export async function generateSigner(options?: GenerateSignerOptions): Promise<Signer> {
  if (typeof options === 'string') throw new ArgumentError('options are an object, such as `{ algorithm }`')
  const algorithm = checkAlgorithm(options?.algorithm ?? 'Ed25519')
  return signerOf(algorithm, await backend.generateKey(algorithm))
}
