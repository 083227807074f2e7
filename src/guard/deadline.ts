import { unlessAborted } from '../support/abort.ts'
import { startDeadline } from '../support/deadline.ts'

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
 * Waits for a task, and no longer than a deadline. A task is not begun when a signal has fired already.
 *
 * @param task - gets a signal that fires at the deadline or with one of `signals`; whether it listens or not, the wait ends.
 * @throws DeadlineError at the deadline; the reason of the signal that fires first.
 */
export async function withinDeadline<T>(
  milliseconds: number,
  signals: readonly (AbortSignal | undefined)[],
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = startDeadline(signals, milliseconds, () => new DeadlineError('it took too long'))
  try {
    return await unlessAborted(() => task(deadline.signal), deadline.signal)
  } finally {
    deadline.end()
  }
}
