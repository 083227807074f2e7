import { ArgumentError } from '../errors.ts'
import type { Clock, Timestamp } from '../time.ts'

/**
 * The present time in whole seconds.
 *
 * @throws ArgumentError when the clock returns something other than a time.
 */
export function presentOf(clock: Clock): Timestamp {
  const now = Math.floor(clock.now())
  if (!Number.isSafeInteger(now)) throw new ArgumentError('`clock.now()` returned no time; it must return seconds')
  return now
}
