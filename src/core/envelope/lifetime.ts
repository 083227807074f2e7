/**
 * The lifetime of new tokens, as callers give it.
 *
 * @module
 */

import { ArgumentError } from '../../errors.ts'
import { anything, maybe, type OptionChecks, withMethod } from '../../support/options.ts'
import { type Clock, type Never, never, secondsOf, systemClock, type Timestamp } from '../../time.ts'

/** Time options of new tokens. At most one of `expiresIn` and `expiration`. */
export interface LifetimeOptions {
  /** Lifetime in seconds, from now. */
  readonly expiresIn?: number
  /** Last second of validity, or `never`. */
  readonly expiration?: Timestamp | Never
  /** Default: the system clock. */
  readonly clock?: Clock
}

/** The checks of {@link LifetimeOptions}. `chooseExpiration` checks the first two itself. */
export const lifetimeChecks: OptionChecks<LifetimeOptions> = Object.freeze({
  expiresIn: anything,
  expiration: anything,
  clock: maybe(withMethod('now')),
})

/**
 * Determines when a token expires.
 *
 * @param fallback - the lifetime in seconds by default.
 * @throws ArgumentError when both are given, or the time is not an integer.
 */
export function chooseExpiration(options: LifetimeOptions, fallback: number): Timestamp | Never {
  const { expiresIn, expiration, clock = systemClock } = options
  if (expiration !== undefined) {
    if (expiresIn !== undefined) throw new ArgumentError('pass `expiresIn` or `expiration`, not both')
    return expiration === never ? never : checkTimestamp('expiration', expiration)
  }
  if (expiresIn !== undefined && !(Number.isSafeInteger(expiresIn) && expiresIn > 0)) {
    throw new ArgumentError('`expiresIn` must be an integer >= 1, in seconds')
  }
  return checkTimestamp('expiresIn', secondsOf(clock) + (expiresIn ?? fallback))
}

/** Checks a time given by a caller. `null` does not mean `never`, and milliseconds are refused. */
export function checkTimestamp(name: string, value: Timestamp): Timestamp {
  if (!Number.isSafeInteger(value)) {
    throw new ArgumentError(`\`${name}\` must be an integer, in seconds since 1970`)
  }
  // TIM-04: In seconds the number would be beyond the year 5138, so it is in milliseconds.
  if (value > 100_000_000_000) throw new ArgumentError(`\`${name}\` looks like milliseconds; pass seconds`)
  return value
}
