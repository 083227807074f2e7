import { AuditError } from '../errors.ts'
import { withinDeadline } from '../support/deadline.ts'
import { type LazyDeadline, openDeadline } from '../support/lazy-deadline.ts'
import type { GuardDeadlines } from './options.ts'

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

/** A time limit of a guard. */
export interface GuardLimit {
  /** The work, as the message names it. */
  readonly of: string
  /** The option with the limit. */
  readonly limit: keyof GuardDeadlines
  readonly deadlines: Required<GuardDeadlines>
  /** Signals of callers. They end the wait earlier, with their reason. */
  readonly signals?: readonly (AbortSignal | undefined)[]
}

/**
 * Waits for a task as `withinDeadline` does.
 *
 * @throws DeadlineError at the deadline; the reason of the signal that is aborted first.
 */
export function waitAtMost<T>(given: GuardLimit, task: (signal: AbortSignal) => T | PromiseLike<T>): Promise<T> {
  const { deadlines, limit, signals = [] } = given
  return withinDeadline(deadlines[limit], { signals, reason: () => timedOut(given) }, task)
}

/** Opens a deadline of the guard, whose time counts from `openedAt`, as of `performance.now()`. */
export function openAtMost(given: GuardLimit, openedAt: number): LazyDeadline {
  const { deadlines, limit, signals = [] } = given
  return openDeadline(signals, deadlines[limit], () => timedOut(given), openedAt)
}

function timedOut({ of, limit, deadlines }: GuardLimit): DeadlineError {
  return new DeadlineError(
    `${of} timed out after ${deadlines[limit]} ms; raise \`deadlines.${limit}\` if it needs longer`,
  )
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
