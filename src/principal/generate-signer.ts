/**
 * A new principal.
 *
 * @module
 */

import { backend } from '#backend'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import { type Signer, signerOf } from './signer.ts'

/** Options of {@link generateSigner}. */
export interface GenerateSignerOptions {
  /** What the key signs with; default `Ed25519`. */
  readonly algorithm?: SignatureAlgorithm
}

/**
 * Makes a new key pair and its `did:key`. The key lives in this process and cannot be read out; for a key that lasts,
 * use `importSigner`, `webCryptoSigner` or `remoteSigner`.
 */
export async function generateSigner(options?: GenerateSignerOptions): Promise<Signer> {
  const algorithm = options?.algorithm ?? 'Ed25519'
  return signerOf(algorithm, await backend.generateKey(algorithm))
}
