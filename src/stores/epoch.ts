/**
 * A store that can lose its data remembers when its data begins: its epoch.
 *
 * @module
 */

import { ArgumentError, StoreError } from '../errors.ts'
import { type DefaultCheck, maybe, numberFrom, type OptionCheck, withDefault, withMethod } from '../support/options.ts'
import { type Clock, maxTolerance, showTime, systemClock, type Timestamp } from '../time.ts'

/** The bounds of the services that share a replay store, as in their options of `createAuthorizer`. */
export interface EpochOptions {
  /** Seconds; the largest `maxInvocationLifetime` of the services, `Infinity` for `never`. Default 300. */
  readonly maxInvocationLifetime?: number
  /** Seconds; the largest `clockTolerance` of the services, and how far their clocks differ at most. Default 60. */
  readonly clockTolerance?: number
}

/** The checks of {@link EpochOptions}. */
export const epochChecks: { readonly [Name in keyof EpochOptions]-?: DefaultCheck } = Object.freeze({
  maxInvocationLifetime: withDefault(numberFrom(0), 300),
  clockTolerance: withDefault(numberFrom(0), 60),
})

/** A time at which a store began. */
const epochCheck: OptionCheck = (value) =>
  Number.isFinite(value) && Number(value) >= 0 ? undefined : 'must be a time in seconds'

/** Options with which stores are prepared. */
export interface PreparationOptions {
  /**
   * The time at which the data begins. Default: the present time, which is right for an empty database that may have
   * had data before. 0 for the first database of a new service: no call was accepted before. For stores that are
   * prepared already, a later time replaces their epoch.
   */
  readonly epoch?: Timestamp
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** The checks of {@link PreparationOptions}. */
export const preparationChecks: { readonly epoch: OptionCheck; readonly clock: DefaultCheck } = Object.freeze({
  epoch: maybe(epochCheck),
  clock: withDefault(withMethod('now'), systemClock),
})

/** A claim as a store receives it. */
export interface Claim {
  readonly key: string
  readonly expiration: Timestamp
  readonly acceptedFrom: Timestamp | undefined
}

/**
 * Reads the arguments of `ReplayStore.claim`.
 *
 * @throws ArgumentError when they are not of their types.
 */
export function readClaim(key: string, expiration: Timestamp, acceptedFrom: Timestamp | undefined): Claim {
  const isTime = typeof expiration === 'number' && !Number.isNaN(expiration)
  if (typeof key !== 'string' || !isTime) {
    throw new ArgumentError('claim takes a key as a string, and a time in seconds')
  }
  if (acceptedFrom !== undefined && !Number.isFinite(acceptedFrom)) {
    throw new ArgumentError('claim: `acceptedFrom` must be a time in seconds')
  }
  return { key, expiration, acceptedFrom }
}

/**
 * Whether an entry with another expiration, of the same call or limit, may be forgotten. The expirations of one call at
 * services with different clock tolerances differ by the largest tolerance at most.
 *
 * @param forgotten - the latest time before which entries were forgotten.
 */
export function mayBeForgotten(expiration: Timestamp, forgotten: Timestamp): boolean {
  return expiration < forgotten + maxTolerance
}

/** The error for a claim that expired before the time before which calls may be forgotten. */
export function expiredCall(): StoreError {
  return new StoreError('the invocation expired before the latest time seen')
}

/**
 * A call that may have been accepted before the data of the store began is not claimed. RPL-08
 *
 * Any of two bounds shows that it was not: an `iat` after the epoch, or an expiry later than a call of that time could
 * have. An `iat` in the future shows nothing, and could be used for two calls, one before a loss and one after it.
 *
 * An expiry that no service may accept shows that the bounds given are not those of the services.
 *
 * @throws StoreError when the call is too old, its `iat` is in the future, or it expires too late.
 */
export function assertAfterEpoch(
  claim: Claim,
  epoch: Timestamp,
  now: Timestamp,
  { maxInvocationLifetime, clockTolerance }: Required<EpochOptions>,
): void {
  const { expiration, acceptedFrom } = claim
  if (acceptedFrom !== undefined && acceptedFrom > now) {
    throw new StoreError('the `iat` of the invocation is in the future; correct the clock of its issuer')
  }
  if (epoch === 0) return
  if (expiration > now + maxInvocationLifetime + 3 * clockTolerance) {
    throw new StoreError(
      'the invocation expires later than `maxInvocationLifetime` of the store permits; give the store the value that ' +
        '`createAuthorizer` has',
    )
  }
  if (expiration > epoch + maxInvocationLifetime + 3 * clockTolerance) return
  if (acceptedFrom !== undefined && acceptedFrom > epoch + clockTolerance) return
  throw new StoreError(
    `the data of the replay store begins at ${showTime(epoch)}, and the call may have been accepted before; ` +
      `sign it again after ${showTime(epoch + 2 * clockTolerance)}`,
  )
}
