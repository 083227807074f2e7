/**
 * Signatures that came from elsewhere.
 *
 * @module
 */

import { backend } from '#backend'
import type { PublicKey } from '../did/public-key.ts'
import { SigningError } from '../errors.ts'
import { signatureLength, toLowS, verifySignature } from './signature.ts'

/**
 * Returns the signature, with low S, when it is one of the key over the message.
 *
 * @param signature - what a foreign signer returned.
 * @throws SigningError that says what to do when it is of another form, or made by another key.
 */
export async function checkedSignature(key: PublicKey, signature: unknown, message: Uint8Array): Promise<Uint8Array> {
  if (!(signature instanceof Uint8Array)) throw new SigningError('the signer did not return bytes')
  if (signature.length !== signatureLength) {
    throw new SigningError(`the signature is ${signature.length} bytes long, not ${signatureLength}${hint(signature)}`)
  }
  // SIG-09
  const raw = toLowS(key.algorithm, Uint8Array.from(signature))
  if (await verifySignature(backend, key, await backend.prepareKey(key), raw, message)) return raw
  throw new SigningError('the signature does not verify: it was made by another key, over other bytes or over a digest')
}

function hint(signature: Uint8Array): string {
  const der = signature[0] === 0x30 && signature[1] === signature.length - 2
  return der ? ': it is in DER, convert it to r and s of 32 bytes each' : ': return the raw signature without a frame'
}
