/**
 * Where signatures are verified: in the turn of the call, or on another thread.
 *
 * @module
 */

import type { PublicKey } from '../../did/public-key.ts'
import type { CryptoBackend, PreparedKey } from '../../principal/backend/backend.ts'
import { verifySignature, verifySignatureAsync } from '../../principal/signature.ts'

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

/**
 * A lone call is answered soonest in its own turn: handing a signature to another thread and back costs half a
 * verification. When there are several calls, other threads verify while this one reads the next.
 *
 * A call that ends in its turn is never seen by the next one, so the calls in progress do not show the load. Arrivals do:
 * calls that arrive before the event loop has turned were waiting at the same time. The first call of a
 * turn stays here, the others go to the other threads, and as long as anything is there, what arrives follows it.
 */
export function createVerifiers(backend: CryptoBackend): Verifiers {
  const atOnce: Verifier = (key, prepared, signature, message) =>
    verifySignature(backend, key, prepared, signature, message)
  if (backend.verifyAsync === undefined || backend.nextTurn === undefined) return { atOnce, forCall: () => atOnce }
  const nextTurn = backend.nextTurn.bind(backend)
  let arrivals = 0
  let elsewhere = 0

  const onThreads: Verifier = async (key, prepared, signature, message) => {
    elsewhere += 1
    try {
      return await verifySignatureAsync(backend, key, prepared, signature, message)
    } finally {
      elsewhere -= 1
    }
  }

  function forgetArrivals(): void {
    arrivals = 0
  }

  return {
    atOnce,
    forCall() {
      arrivals += 1
      if (arrivals === 1) nextTurn(forgetArrivals)
      return arrivals > 1 || elsewhere > 0 ? onThreads : atOnce
    },
  }
}
