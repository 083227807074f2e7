/**
 * Requests to limit stores, for their conformance suite.
 *
 * @module
 */

import type { LimitEntry, LimitRequest } from '../core/authorization/limits/limit-store.ts'
import type { Timestamp } from '../time.ts'

/** The parts of a request that a case chooses. */
export type Change = Partial<Omit<LimitRequest, 'entries'>>

/** Makes requests with fresh names. */
export function requests(start: Timestamp): (entries: readonly LimitEntry[], change?: Change) => LimitRequest {
  let count = 0
  return (entries, change = {}) => {
    count += 1
    return { reservation: `reservation ${count}`, entries, deadline: start + 60, commit: false, ...change }
  }
}

/** Makes a limit that is valid for a day. */
export function limits(start: Timestamp): (key: string, change?: Partial<LimitEntry>) => LimitEntry {
  return (key, change) => ({ key, kind: 'total', maximum: 3, amount: 1, expiration: start + 86_400, ...change })
}
