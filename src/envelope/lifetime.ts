/**
 * How callers say how long a token shall be valid.
 *
 * @module
 */

import { ArgumentError } from '../errors.ts'
import { anything, maybe, type OptionChecks, withMethod } from '../support/options.ts'
import { type Clock, type Never, never, systemClock, type Timestamp } from '../time.ts'

/** Time options of tokens that are made. At most one of `expiresIn` and `expiration`. */
export interface LifetimeOptions {
  /** Seconds from now for which the token is valid. */
  readonly expiresIn?: number
  /** Last second of validity, or `never`. */
  readonly expiration?: Timestamp | Never
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** The forms of {@link LifetimeOptions}; what `chooseExpiration` looks at itself is anything here. */
export const lifetimeChecks: OptionChecks<LifetimeOptions> = Object.freeze({
  expiresIn: anything,
  expiration: anything,
  clock: maybe(withMethod('now')),
})

/**
 * Works out when a token shall expire.
 *
 * @param fallback - seconds, when the caller says nothing.
 * @throws ArgumentError when both are given, or the time is not a whole number of seconds.
 */
export function chooseExpiration(options: LifetimeOptions, fallback: number): Timestamp | Never {
  const { expiresIn, expiration, clock = systemClock } = options
  if (expiration !== undefined) {
    if (expiresIn !== undefined) throw new ArgumentError('give `expiresIn` or `expiration`, not both')
    return expiration === never ? never : checkTimestamp('expiration', expiration)
  }
  if (expiresIn !== undefined && !(Number.isSafeInteger(expiresIn) && expiresIn > 0)) {
    throw new ArgumentError('`expiresIn` must be a whole number of seconds above zero')
  }
  return checkTimestamp('expiresIn', Math.floor(clock.now()) + (expiresIn ?? fallback))
}

/** Checks a time given by a caller. `null` is not taken for never, nor milliseconds for seconds. */
export function checkTimestamp(name: string, value: Timestamp): Timestamp {
  if (!Number.isSafeInteger(value)) {
    throw new ArgumentError(`\`${name}\` must be a whole number of seconds since 1970`)
  }
  // TIM-04: such a number of seconds lies beyond the year 5138; it is milliseconds.
  if (value > 100_000_000_000) throw new ArgumentError(`\`${name}\` looks like milliseconds; times are in seconds`)
  return value
}
