/**
 * Waiting that can be given up.
 *
 * @module
 */

/**
 * Settles as the promise does, or rejects with the signal's reason as soon as the signal is aborted. What the promise
 * stands for goes on.
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    // also when it is too late already, so that a later failure of the promise is not one that nobody handles
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
