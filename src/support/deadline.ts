import { unlessAborted } from './abort.ts'

/** A signal that also fires when time is up. */
export interface Deadline {
  readonly signal: AbortSignal
  /** Stops the clock; the signal still follows the caller's. */
  readonly clear: () => void
  /** Stops the clock, and follows nobody any more: a signal that outlives many calls would gather a listener of each. */
  readonly end: () => void
}

/**
 * Joins signals of callers and a time limit.
 *
 * @param milliseconds - from now on; the timer is one of the host's, which jumps of the wall clock do not move.
 * @param reason - makes the reason with which the signal fires when time is up. Default: a `TimeoutError`.
 */
export function startDeadline(
  signals: readonly (AbortSignal | undefined)[],
  milliseconds: number,
  reason: () => unknown = () => new DOMException('the time limit has passed', 'TimeoutError'),
): Deadline {
  // Not AbortSignal.any over AbortSignal.timeout: on Node 20 it never fires once the garbage was collected, and it leaves
  // something behind at each signal that it follows.
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(reason()), milliseconds)
  const follow = (): void => controller.abort(signals.find((signal) => signal?.aborted)?.reason)
  if (signals.some((signal) => signal?.aborted)) follow()
  else for (const signal of signals) signal?.addEventListener('abort', follow, { once: true })
  const clear = (): void => clearTimeout(timer)
  const end = (): void => {
    clear()
    for (const signal of signals) signal?.removeEventListener('abort', follow)
  }
  return { signal: controller.signal, clear, end }
}

/** How long {@link withinDeadline} waits, and for whom. */
export interface DeadlineOptions {
  /** Signals that end the wait earlier, with their reason. */
  readonly signals?: readonly (AbortSignal | undefined)[]
  /** Makes the error that is thrown at the deadline. Default: a `TimeoutError`. */
  readonly reason?: () => unknown
}

/**
 * Waits for a task until a deadline. The task is not begun when a signal is already aborted.
 *
 * @param task - receives a signal that is aborted at the deadline, or with one of `signals`. The wait ends then, whether
 *   or not the task listens.
 * @throws the error of `reason` at the deadline; the reason of the signal that is aborted first.
 */
export async function withinDeadline<T>(
  milliseconds: number,
  { signals = [], reason }: DeadlineOptions,
  task: (signal: AbortSignal) => T | PromiseLike<T>,
): Promise<T> {
  const deadline = startDeadline(signals, milliseconds, reason)
  try {
    return await unlessAborted(() => task(deadline.signal), deadline.signal)
  } finally {
    deadline.end()
  }
}
