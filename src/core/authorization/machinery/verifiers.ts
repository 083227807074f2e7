/**
 * Where signatures are verified: in the turn of the call, or on another thread if the back end has threads.
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

/** Verifies at once where the platform can. */
export function atOnceBy(backend: CryptoBackend): Verifier {
  return (key, prepared, signature, message) => verifySignature(backend, key, prepared, signature, message)
}

/**
 * Most signatures that calls of one turn of the event loop verify in it: a few milliseconds. A caller that awaits one
 * call after another would otherwise hold up timers and connections until its last call.
 */
const mostInTurn = 64

/**
 * Verifies a lone call in its own turn: handing a signature to another thread and back costs half a verification. With
 * several calls, other threads verify while this one reads the next call.
 *
 * The calls in progress do not show the load, because a call that ends in its turn is over when the next one arrives.
 * Arrivals show it. Calls count as concurrent when they arrive without an `await` between them, or in several callbacks
 * of one turn of the event loop. The first of them is verified here, and the others on other threads. While another
 * thread verifies, later calls go there too. A caller that awaits each of its calls has one at a time. Its calls arrive
 * in one callback, and stay on this thread until they have verified {@link mostInTurn} signatures. The next call goes
 * to another thread, so the event loop turns.
 */
export function createVerifiers(backend: CryptoBackend): Verifiers {
  const atOnce = atOnceBy(backend)
  if (backend.verifyAsync === undefined || backend.nextTurn === undefined) return { atOnce, forCall: () => atOnce }
  let inTurn = 0
  let elsewhere = 0
  const here: Verifier = (key, prepared, signature, message) => {
    inTurn += 1
    return verifySignature(backend, key, prepared, signature, message)
  }
  const onThreads: Verifier = async (key, prepared, signature, message) => {
    elsewhere += 1
    try {
      return await verifySignatureAsync(backend, key, prepared, signature, message)
    } finally {
      elsewhere -= 1
    }
  }
  const nextCallback = backend.nextCallback?.bind(backend) ?? queueMicrotask
  const nextTurn = (callback: () => void): void =>
    backend.nextTurn?.(() => {
      inTurn = 0
      callback()
    })
  const isAlone = observeArrivals(nextTurn, nextCallback)
  return { atOnce, forCall: () => (isAlone() && elsewhere === 0 && inTurn < mostInTurn ? here : onThreads) }
}

/**
 * Makes the function that returns whether an arriving call is the only one at this time.
 *
 * @param nextTurn - calls back when the event loop has turned.
 * @param nextCallback - calls back when the present callback of the event loop has ended.
 */
function observeArrivals(nextTurn: (callback: () => void) => void, nextCallback: typeof nextTurn): () => boolean {
  let isBurst = false
  let isCallbackKnown = false
  let isTurnKnown = false
  /** Whether another callback of this turn has brought a call. */
  let isTurnShared = false

  function endBurst(): void {
    isBurst = false
    if (isCallbackKnown) return
    isCallbackKnown = true
    // From a microtask, because Node runs the callbacks of `nextTick` before the microtasks that wait already.
    nextCallback(endCallback)
  }

  function endCallback(): void {
    isCallbackKnown = false
    isTurnShared = isTurnKnown
  }

  function endTurn(): void {
    isTurnKnown = false
    isTurnShared = false
  }

  return () => {
    const isAlone = !isBurst && !isTurnShared
    if (!isBurst) {
      isBurst = true
      queueMicrotask(endBurst)
    }
    if (!isTurnKnown) {
      isTurnKnown = true
      nextTurn(endTurn)
    }
    return isAlone
  }
}
