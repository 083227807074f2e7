/**
 * Waiting that can be given up.
 *
 * @module
 */

/**
 * Settles as the work does, or rejects with the reason of the signal as soon as the signal fires. The work goes on, and
 * how it ends later is ignored: a rejection that comes too late is never an unhandled one.
 *
 * @param work - a promise, or a function that begins the work: it is not called when the signal has fired already.
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
    signal.addEventListener('abort', abort, { once: true })
    begin(work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort))
  })
}

type Work<T> = Promise<T> | (() => T | PromiseLike<T>)

/** A function that throws at once counts as one that rejects. */
function begin<T>(work: Work<T>): Promise<T> {
  return typeof work === 'function' ? (async () => work())() : work
}
