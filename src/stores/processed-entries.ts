import { StoreError } from '../errors.ts'
import { type DefaultCheck, withDefault, withMethod } from '../support/options.ts'
import { type Clock, systemClock, type Timestamp } from '../time.ts'

/** The option that every memory of processed tokens has, beside those of its connection. */
export interface ProcessedSetsClock {
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** The checks of {@link ProcessedSetsClock}. */
export const clockChecks: { readonly clock: DefaultCheck } = Object.freeze({
  clock: withDefault(withMethod('now'), systemClock),
})

/** Seconds for which an entry is kept after its expiration, because clocks differ. */
const keepFor = 300

/**
 * Returns the time before which entries may have expired to be forgotten now. The store notes it when it forgets one.
 *
 * @param now - by the clock of the service.
 */
export function processedBefore(now: Timestamp): Timestamp {
  return now - keepFor
}

/**
 * A clock that goes back makes an old token young enough again, and the store may have forgotten that it was processed.
 * STO-12
 *
 * @param forgotten - the latest time that {@link processedBefore} returned when an entry was forgotten.
 * @throws StoreError when tokens with this expiration may be forgotten.
 */
export function assertRemembered(expiration: Timestamp, forgotten: Timestamp): void {
  if (expiration >= forgotten) return
  throw new StoreError('the SET is older than the SETs that the store remembers; correct the clock of the service')
}
