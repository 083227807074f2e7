/**
 * Waits that an AbortSignal can end.
 *
 * @module
 */

import { listenToAbort } from './listen-to-abort.ts'

/**
 * Settles as the work does, or rejects with the reason of the signal when the signal is aborted first. The work
 * continues, and its later result is ignored: a late rejection is not an unhandled one.
 *
 * @param work - a promise, or a function that starts the work. The function is not called when the signal is already
 *   aborted.
 */
export function unlessAborted<T>(work: Work<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return begin(work)
  // GRD-10
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      if (typeof work !== 'function') work.catch(() => undefined)
      return
    }
    // GRD-15
    const abort = (): void => reject(signal.reason)
    listenToAbort(signal, abort)
    begin(work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort))
  })
}

type Work<T> = Promise<T> | (() => T | PromiseLike<T>)

/** A synchronous exception becomes a rejection. */
function begin<T>(work: Work<T>): Promise<T> {
  return typeof work === 'function' ? (async () => work())() : work
}
