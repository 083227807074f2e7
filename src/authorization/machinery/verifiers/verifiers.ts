import type { PublicKey } from '../../../did/public-key.ts'
import type { CryptoBackend, PreparedKey } from '../../../principal/backend/backend.ts'
import { verifySignature } from '../../../principal/signature.ts'

/** Verifies the signature of a key over a message. The verdict does not depend on the thread that verifies. */
export type Verifier = (
  key: PublicKey,
  prepared: PreparedKey,
  signature: Uint8Array,
  message: Uint8Array,
) => boolean | Promise<boolean>

/** The two ways of one back end. */
export interface Verifiers {
  /** Verifies at once where the platform can. */
  readonly atOnce: Verifier
  /** The way for a call that arrives now, by load. */
  forCall(): Verifier
}

/** Verifies at once where the platform can. */
export function atOnceBy(backend: CryptoBackend): Verifier {
  return (key, prepared, signature, message) => verifySignature(backend, key, prepared, signature, message)
}
