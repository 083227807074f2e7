/**
 * A principal with a key of WebCrypto.
 *
 * @module
 */

import type { Did } from '../did/did.ts'
import { publicKey } from '../did/did-key.ts'
import { ArgumentError, ProcuraError } from '../errors.ts'
import { anything, readOptions } from '../support/options.ts'
import type { WebCryptoKeyPair } from '../support/web-crypto-key.ts'
import { signingKeyOf } from './backend/web-crypto-key.ts'
import { checkedSignature } from './checked-signature.ts'
import { type Signer, signerOf } from './signer.ts'
import { signingDid } from './signing-did.ts'

/** Options of {@link webCryptoSigner}. */
export interface WebCryptoSignerOptions {
  /** The DID that the key signs for, when that is not its own `did:key`. */
  readonly did?: Did
}

/**
 * Makes a signer of a key pair of WebCrypto, Ed25519 or ECDSA with P-256. The private key may be one that cannot be
 * exported, as browsers keep it in IndexedDB; the public key must be exportable, as it is by default. Signs a fixed
 * text once, to see that the halves belong together.
 *
 * @throws ArgumentError when the keys are of another kind or `did` is no DID, SigningError when the keys do not belong
 *   together.
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

/** What the platform throws about keys of another kind does not say what to pass instead. */
async function usable<T>(task: () => T | Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (cause) {
    if (cause instanceof ProcuraError) throw cause
    throw new ArgumentError(
      'the key pair cannot be used; pass `{ privateKey, publicKey }` of WebCrypto, for signing and with an exportable public key',
      { cause },
    )
  }
}
