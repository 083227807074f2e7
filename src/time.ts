/**
 * Time as in UCAN: whole seconds since the Unix epoch.
 *
 * @module
 */

export { secondsOf } from './support/seconds-of.ts'

/** Seconds since 1970-01-01T00:00:00Z, a whole number within ±(2^53 - 1) (UCAN Delegation 1.0.0, "Time Bounds"). */
export type Timestamp = number

/** The largest `clockTolerance` of a service, in seconds. Services that share a store can have different ones. */
export const maxTolerance = 300

/** The source of time. Replace it in tests, or where the host has a better source. */
export interface Clock {
  /**
   * Returns the present time in seconds. Times in tokens and records are whole seconds; the time limits of a guard use
   * a fraction too. Throws when the time is not known.
   */
  now(): Timestamp
}

/** The last second that a date of the platform can have. */
const lastDate = 8_640_000_000_000

/** Shows a time in a message: as a date, with the seconds beside it. One that has no date is shown as it is. */
export function showTime(time: Timestamp | Never): string {
  if (typeof time !== 'number' || !(Math.abs(time) <= lastDate)) return time === never ? 'never' : String(time)
  return `${new Date(time * 1000).toISOString().replace('.000Z', 'Z')} (${time})`
}

/** The clock of the host (`Date.now`). */
export const systemClock: Clock = Object.freeze({ now: () => Math.floor(Date.now() / 1000) })

/**
 * The expiration of a token that never expires. It is a name instead of `null`, so that it is visible in the code that
 * grants it. On the wire it is `exp: null`.
 */
export const never: unique symbol = Symbol('never')

/** The type of {@link never}. */
export type Never = typeof never
