/** Thrown within the guard when something took too long; it becomes a denial, or an error with a message of its own. */
export class DeadlineError extends Error {}

/** Tells whether a deadline was what was thrown; of what cannot be looked at, that it was not. */
export function isDeadline(error: unknown): boolean {
  try {
    return error instanceof DeadlineError
  } catch {
    return false
  }
}

/**
 * Waits for a task, and no longer than a deadline.
 *
 * @param task - gets a signal that fires at the deadline or with one of `signals`; whether it listens or not, the wait ends.
 * @throws DeadlineError at the deadline; the reason of the signal that fires first.
 */
export async function withinDeadline<T>(
  milliseconds: number,
  signals: readonly (AbortSignal | undefined)[],
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (const signal of signals) signal?.throwIfAborted()
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new DeadlineError('it took too long')), milliseconds)
  const forward = (): void => controller.abort(signals.find((signal) => signal?.aborted)?.reason)
  for (const signal of signals) signal?.addEventListener('abort', forward, { once: true })
  try {
    const ended = new Promise<never>((_, reject) => {
      controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true })
    })
    return await Promise.race([task(controller.signal), ended])
  } finally {
    clearTimeout(timer)
    for (const signal of signals) signal?.removeEventListener('abort', forward)
  }
}
