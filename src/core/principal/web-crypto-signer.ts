/**
 * Makes a principal from a key pair of WebCrypto.
 *
 * @module
 */

import { ArgumentError, ProcuraError } from '../../errors.ts'
import { anything, readOptions } from '../../support/options.ts'
import type { WebCryptoKeyPair } from '../../support/web-crypto-key.ts'
import type { Did } from '../did/did.ts'
import { publicKey } from '../did/did-key.ts'
import { signingKeyOf } from './backend/web-crypto-key.ts'
import { checkedSignature } from './checked-signature.ts'
import { type Signer, signerOf } from './signer.ts'
import { signingDid } from './signing-did.ts'

/** Options of {@link webCryptoSigner}. */
export interface WebCryptoSignerOptions {
  /** The DID that the key signs for. Default: its `did:key`. */
  readonly did?: Did
}

/**
 * Makes a signer from a key pair of WebCrypto, Ed25519 or ECDSA with P-256. The private key may be non-extractable, as
 * browsers store it in IndexedDB. The public key must be extractable, which is the default. Signs a fixed text once, to
 * check that both keys belong together.
 *
 * @throws ArgumentError when the keys are of another algorithm, or `did` is not a DID.
 * @throws SigningError when the keys do not belong together.
 */
export async function webCryptoSigner(pair: WebCryptoKeyPair, options: WebCryptoSignerOptions = {}): Promise<Signer> {
  const given = readOptions('webCryptoSigner', options, { did: anything })
  const key = await usable(() => signingKeyOf(pair))
  const probe = new TextEncoder().encode('procura: do the two keys belong together?')
  const own = publicKey(key.algorithm, key.publicKey)
  const did = signingDid(given.did, own)
  await checkedSignature(own, await usable(() => key.sign(probe)), probe)
  return signerOf(key.algorithm, key, did)
}

/** Replaces an error of the platform, which does not contain the next step. */
async function usable<T>(task: () => T | Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (cause) {
    if (cause instanceof ProcuraError) throw cause
    throw new ArgumentError(
      'webCryptoSigner: the key pair is invalid; pass `{ privateKey, publicKey }` of WebCrypto, with the usages `sign` and `verify` and an extractable public key',
      { cause },
    )
  }
}
