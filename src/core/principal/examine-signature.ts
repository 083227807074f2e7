import type { PublicKey } from '../did/public-key.ts'
import type { CryptoBackend } from './backend/backend.ts'
import { signatureLength, toLowS, verifySignature } from './signature.ts'

/**
 * Verifies the signature of an external signer over a message. Returns it with low S, or the fault with the next step.
 *
 * @param signature - the return value of the signer.
 */
export async function examineSignature(
  key: PublicKey,
  signature: unknown,
  message: Uint8Array,
  backend: CryptoBackend,
): Promise<Uint8Array | string> {
  if (!(signature instanceof Uint8Array)) return 'the signer must return the signature as a Uint8Array'
  if (signature.length !== signatureLength) {
    return `the signature must have ${signatureLength} bytes (got ${signature.length})${hint(signature)}`
  }
  // SIG-09
  const raw = toLowS(key.algorithm, Uint8Array.from(signature))
  if (await verifySignature(backend, key, await backend.prepareKey(key), raw, message)) return raw
  return 'the signature is invalid: it was made by another key, over other bytes or over a digest'
}

function hint(signature: Uint8Array): string {
  const der = signature[0] === 0x30 && signature[1] === signature.length - 2
  return der
    ? '; convert it from DER to r and s of 32 bytes each'
    : '; return the raw signature, without an encoding around it'
}
