import { ArgumentError } from '../errors.ts'

/**
 * Reads a clock, whose time may have a fraction.
 *
 * @returns the whole seconds since the Unix epoch.
 * @throws ArgumentError when the clock returns something other than a time.
 */
export function secondsOf(clock: { now(): number }): number {
  const now = Math.floor(clock.now())
  if (!Number.isSafeInteger(now)) throw new ArgumentError('`clock.now()` returned no time; it must return seconds')
  return now
}
