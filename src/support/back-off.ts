import { startBackgroundTimer } from './background-timer.ts'
import { listenToAbort } from './listen-to-abort.ts'

/** The waits after failures. */
export interface BackOff {
  /** Wait after the first failure, in milliseconds; each further failure doubles it. */
  readonly firstMs: number
  /** Longest wait. */
  readonly maxMs: number
}

/**
 * Computes the wait after consecutive failures, in milliseconds. The wait is random, between half and the whole of the
 * computed time, so that callers that failed together do not retry together.
 *
 * @param failures - consecutive failures, at least 1.
 * @param asked - the wait that the other side asked for, in milliseconds. It is respected up to the longest wait.
 */
export function waitAfter(failures: number, { firstMs, maxMs }: BackOff, asked = 0): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30))
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1))
  return Math.min(maxMs, Math.max(asked, full * (0.5 + random / 2 ** 33)))
}

/** Waits until the time is over or the signal is aborted. Does not keep the process alive. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = startBackgroundTimer(done, ms)
    listenToAbort(signal, done)
    if (signal.aborted) done()
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
