/**
 * Signing with the signer of a caller. The signature of a signer that this library did not make is verified before it
 * is used.
 *
 * @module
 */

import { backend } from '#backend'
import { SigningError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { didMethod } from '../did/did.ts'
import type { PublicKey } from '../did/public-key.ts'
import { namedKey } from '../did/read-did-key.ts'
import { examineSignature } from './examine-signature.ts'
import { isSelfChecking, type Signer } from './signer.ts'

/**
 * Signs a message.
 *
 * @throws SigningError when the signer fails, or returns anything but a signature of its own key over the message.
 */
export async function signWith(
  signer: Signer,
  message: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  try {
    const isOwn = isSelfChecking(signer)
    // Another signer may change the bytes that it is given.
    const made = signer.sign(isOwn ? message : message.slice(), { signal })
    const signature = made instanceof Uint8Array ? made : await unlessAborted(Promise.resolve(made), signal)
    if (isOwn) return signature
    const key = namedKey(signer.algorithm, signer.publicKey)
    if (didMethod(signer.did) === 'key' && signer.did !== key.did) {
      throw new SigningError(`the signer of ${signer.did} has another public key`)
    }
    return await checkedSignature(key, signature, message)
  } catch (cause) {
    if (cause instanceof SigningError) throw cause
    throw new SigningError(`the signer of ${signer.did} failed`, { cause })
  }
}

/**
 * Verifies a signature of the key over the message. Returns it with low S.
 *
 * @param signature - the return value of an external signer.
 * @throws SigningError with the next step, when the signature is malformed or was made with another key.
 */
export async function checkedSignature(key: PublicKey, signature: unknown, message: Uint8Array): Promise<Uint8Array> {
  const examined = await examineSignature(key, signature, message, backend)
  if (typeof examined === 'string') throw new SigningError(examined)
  return examined
}
