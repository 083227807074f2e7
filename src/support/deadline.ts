import { unlessAborted } from './abort.ts'
import { beginDeadline, clearDeadline, endDeadline, openDeadline, signalOf } from './lazy-deadline.ts'
import { withLazySignal } from './lazy-signal.ts'

/** A signal that is also aborted at a time limit. */
export interface Deadline {
  /** Made when it is read first. */
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
  const deadline = openDeadline(signals, milliseconds, reason)
  beginDeadline(deadline)
  const ends = { clear: () => clearDeadline(deadline), end: () => endDeadline(deadline) }
  return withLazySignal(ends, () => signalOf(deadline))
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
