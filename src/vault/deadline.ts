/** A signal that also fires when time is up. */
export interface Deadline {
  readonly signal: AbortSignal
  /** Stops the clock; the signal still follows the caller's. */
  readonly clear: () => void
  /** Stops the clock, and follows nobody any more: a signal that outlives many calls would gather a listener of each. */
  readonly end: () => void
}

/**
 * Joins a caller's signal and a time limit.
 *
 * @param milliseconds - from now on; the timer is one of the host's, which jumps of the wall clock do not move.
 */
export function startDeadline(signal: AbortSignal | undefined, milliseconds: number): Deadline {
  const controller = new AbortController()
  const timer = setTimeout(
    () => controller.abort(new DOMException('the time limit has passed', 'TimeoutError')),
    milliseconds,
  )
  const follow = (): void => controller.abort(signal?.reason)
  if (signal?.aborted === true) follow()
  else signal?.addEventListener('abort', follow, { once: true })
  const clear = (): void => clearTimeout(timer)
  const end = (): void => {
    clear()
    signal?.removeEventListener('abort', follow)
  }
  return { signal: controller.signal, clear, end }
}

/**
 * Waits for a promise that others wait for too: gives up when the signal fires, and lets the work go on.
 *
 * @throws the reason of the signal.
 */
export async function waitFor<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  signal.throwIfAborted()
  let give: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    give = () => reject(signal.reason)
    signal.addEventListener('abort', give, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (give !== undefined) signal.removeEventListener('abort', give)
  }
}
