// node only: HMAC

/**
 * The limits of a call as a server counts them: by keyed hashes.
 *
 * @module
 */

import type { LimitAnswer, LimitEntry, LimitRequest, LimitState } from '../core/authorization/limits/limit-store.ts'
import { overdue } from '../core/authorization/limits/read-limit-request.ts'
import { StoreError } from '../errors.ts'
import type { Timestamp } from '../time.ts'
import type { KeyedNames } from './keyed-names.ts'

/** A limit of a call. Names are in hexadecimal. */
export interface NamedEntry {
  readonly limit: string
  readonly kind: LimitEntry['kind']
  readonly maximum: number
  readonly amount: number
  /**
   * The time until which the amount counts after a commit; 0 for one that counts for ever. A period begins with the
   * commit. If that follows later, the time is that of a commit at the deadline, so the store knows the period.
   */
  readonly later: Timestamp
  readonly expiration: Timestamp
  /** The name of the task that is paid for once, or an empty string. */
  readonly task: string
}

/** The reservation of a call. */
export interface NamedRequest {
  readonly id: string
  readonly deadline: Timestamp
  readonly commit: boolean
  readonly entries: readonly NamedEntry[]
}

/** The last time that is a whole number of 15 digits. */
const lastTime = 999_999_999_999_999

/** Returns the name of a limit. */
export function limitName(key: string, names: KeyedNames): string {
  return names.hex('limit', key)
}

/** Returns the name of a reservation. */
export function reservationName(reservation: string, names: KeyedNames): string {
  return names.hex('limit-call', reservation)
}

/** Returns a request by its names. */
export function namedRequest(
  { reservation, entries, deadline, commit, task }: LimitRequest,
  now: Timestamp,
  names: KeyedNames,
): NamedRequest {
  const end = wholeTime(deadline)
  return {
    id: reservationName(reservation, names),
    deadline: end,
    commit,
    entries: entries.map(({ key, kind, maximum, amount, window, expiration }) => ({
      limit: limitName(key, names),
      kind,
      maximum,
      amount,
      // The clock has whole seconds, so the period of a rate may have begun almost a second later.
      later: kind === 'total' ? 0 : kind === 'rate' ? wholeTime((commit ? now : end) + Number(window) + 1) : end,
      expiration,
      task: task === undefined || kind !== 'total' ? '' : names.hex('limit-task', `${key}\0${task}`),
    })),
  }
}

/** A whole second in the range that servers compare: a time counts until the second after it begins. */
function wholeTime(time: Timestamp): Timestamp {
  return Math.min(Math.max(0, Math.ceil(time)), lastTime)
}

/**
 * Returns the state of a limit of an answer.
 *
 * @throws StoreError when it is not one.
 */
export function limitState({ kind }: LimitEntry, remaining: unknown, freeAt: unknown): LimitState {
  const [left, free] = [Number(remaining), Number(freeAt)]
  if (!Number.isSafeInteger(left) || left < 0)
    throw new StoreError('the server did not return the remaining amount as a number')
  if (kind !== 'rate' || left > 0) return { remaining: left }
  if (!Number.isSafeInteger(free))
    throw new StoreError('the server did not return the time of the next possible call as a number')
  return { remaining: left, freeAt: free }
}

/** Returns the refusal by the entry at a place. */
export function refusedAt(
  entries: readonly LimitEntry[],
  place: unknown,
  remaining: unknown,
  freeAt: unknown,
): LimitAnswer {
  const entry = entries[Number(place)]
  if (entry === undefined) throw new StoreError('the server refused a limit that was not in the request')
  return { reserved: false, key: entry.key, ...limitState(entry, remaining, freeAt) }
}

/** The error of a reservation whose deadline has passed. */
export function overdueReservation(): StoreError {
  return new StoreError(overdue)
}

/** The error of a reservation whose name is in use. */
export function takenReservation(): StoreError {
  return new StoreError('there is already a reservation of this name')
}

/** The error of a limit that may be forgotten. */
export function expiredLimit(): StoreError {
  return new StoreError('a delegation expired before the latest time seen')
}
