// node only: its timers do not keep the process alive
/** How long to wait after failures. */
export interface BackOff {
  /** Wait after the first one, in milliseconds; each further one doubles it. */
  readonly firstMs: number
  /** Longest wait. */
  readonly maxMs: number
}

/**
 * The wait after so many failures in a row: at random between half and the whole of it, so that services that failed
 * together do not come back together.
 *
 * @param asked - what the other side asked for, in milliseconds; it is kept to, up to the longest wait.
 */
export function waitAfter(failures: number, { firstMs, maxMs }: BackOff, asked = 0): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30))
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1))
  return Math.min(maxMs, Math.max(asked, full * (0.5 + random / 2 ** 33)))
}

/** Waits, unless the signal is aborted first. Does not keep the process from ending. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    timer.unref()
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
