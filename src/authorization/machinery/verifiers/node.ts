// node only: elsewhere no back end has threads
/**
 * Where signatures are verified on Node: in the turn of the call, or on another thread.
 *
 * @module
 */

import type { CryptoBackend } from '../../../principal/backend/backend.ts'
import { verifySignature, verifySignatureAsync } from '../../../principal/signature.ts'
import { atOnceBy, type Verifier, type Verifiers } from './verifiers.ts'

/**
 * Most signatures that calls of one turn of the event loop verify in it: a few milliseconds. A caller that awaits one call
 * after another would otherwise hold up timers and connections until its last call.
 */
const mostInTurn = 64

/**
 * A lone call is answered soonest in its own turn: handing a signature to another thread and back costs half a
 * verification. When there are several calls, other threads verify while this one reads the next.
 *
 * A call that ends in its turn is never seen by the next one, so the calls in progress do not show the load. Arrivals do.
 * Calls that arrive one after another without an `await` between them were there together, and so were the callbacks of
 * one turn of the event loop that each bring a call. The first of them stays here, the others go to the other threads,
 * and as long as anything is there, later calls follow it. A caller that awaits each of its calls has only one at a time:
 * its calls arrive in one callback, and none of them leaves the thread until they have verified {@link mostInTurn}
 * signatures. The next call does, so the event loop turns while it is verified.
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
 * Makes the function that each arriving call asks whether it is the only one that is there.
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
