import { AuditError } from '../errors.ts'
import { withinDeadline } from '../support/deadline.ts'
import { type LazyDeadline, openDeadline } from '../support/lazy-deadline.ts'

/** Thrown inside the guard at a deadline. It becomes a denial, or an error with a message of its own. */
export class DeadlineError extends Error {}

/**
 * Whether an error is a {@link DeadlineError}. A handler can throw a value that throws when it is inspected; it counts
 * as another error.
 */
export function isDeadline(error: unknown): boolean {
  try {
    return error instanceof DeadlineError
  } catch {
    return false
  }
}

/**
 * Waits for a task as `withinDeadline` does.
 *
 * @throws DeadlineError at the deadline; the reason of the signal that is aborted first.
 */
export function waitAtMost<T>(
  milliseconds: number,
  signals: readonly (AbortSignal | undefined)[],
  task: (signal: AbortSignal) => T | PromiseLike<T>,
): Promise<T> {
  const reason = (): DeadlineError => new DeadlineError(`timed out after ${milliseconds} ms`)
  return withinDeadline(milliseconds, { signals, reason }, task)
}

/**
 * Opens a deadline of the guard.
 *
 * @param signals - of callers. They end it earlier, with their reason.
 */
export function openAtMost(milliseconds: number, signals: readonly (AbortSignal | undefined)[]): LazyDeadline {
  return openDeadline(signals, milliseconds, () => new DeadlineError(`timed out after ${milliseconds} ms`))
}

/**
 * Waits for a part of recording.
 *
 * @param what - the message of the error, without the time.
 * @throws AuditError `ERR_AUDIT_DEADLINE` at the deadline.
 */
export async function recordWithin<T>(
  milliseconds: number,
  what: string,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const reason = (): AuditError => new AuditError('ERR_AUDIT_DEADLINE', `${what} within ${milliseconds} ms`)
  return withinDeadline(milliseconds, { reason }, task)
}
