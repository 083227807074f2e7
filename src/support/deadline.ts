import { unlessAborted } from './abort.ts'

/** A signal that is also aborted at a time limit. */
export interface Deadline {
  readonly signal: AbortSignal
  /** Stops the timer. The signal still follows the signals of the callers. */
  readonly clear: () => void
  /** Stops the timer and removes all listeners: a long-lived signal would otherwise collect one from each call. */
  readonly end: () => void
}

/**
 * Combines signals of callers and a time limit.
 *
 * @param milliseconds - from now. The timer of the host does not follow jumps of the wall clock.
 * @param reason - makes the abort reason at the time limit. Default: a `TimeoutError`.
 */
export function startDeadline(
  signals: readonly (AbortSignal | undefined)[],
  milliseconds: number,
  reason: () => unknown = () => new DOMException('the time limit has passed', 'TimeoutError'),
): Deadline {
  // Not `AbortSignal.any` with `AbortSignal.timeout`: on Node 20 it may never fire after a garbage collection, and it
  // leaks memory at each signal that it follows.
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

/** Options of {@link withinDeadline}. */
export interface DeadlineOptions {
  /** Signals that end the wait earlier, with their reason. */
  readonly signals?: readonly (AbortSignal | undefined)[]
  /** Makes the error that is thrown at the deadline. Default: a `TimeoutError`. */
  readonly reason?: () => unknown
}

/**
 * Waits for a task until a deadline. The task is not started when a signal is already aborted.
 *
 * @param task - receives a signal that is aborted at the deadline, or with one of `signals`. The wait ends then,
 *   whether or not the task listens.
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
