// node only: HMAC

import type { CallAnswer, CallStore } from '../../core/authorization/call-store.ts'
import type { LimitRequest } from '../../core/authorization/limits/limit-store.ts'
import { StoreError } from '../../errors.ts'
import { callStoreOf } from '../call-store-of.ts'
import type { Claim } from '../epoch.ts'
import { queryFor, type RevocationQuery } from '../revocation-rows.ts'
import { fulfilled, rejected } from '../settled.ts'
import type { SharedStores } from '../shared-stores.ts'
import type { SqliteConnection } from './connection.ts'
import type { Claims } from './replay-store.ts'
import type { Reservations } from './reservations.ts'
import type { FindRevocations } from './revocation-store.ts'

/** The parts of the stores that a question needs, within a transaction. */
export interface CallParts {
  readonly find: FindRevocations
  readonly claims: Claims
  readonly reservations: Reservations
}

/** Asks the stores of a connection in one transaction, which questions that arrive together share. */
export function callStore(
  { names, write, meta }: SqliteConnection,
  stores: SharedStores,
  { find, claims, reservations }: CallParts,
): CallStore {
  /** Answers within a transaction. */
  function answer(query: RevocationQuery, claim: Claim, limits: LimitRequest | undefined): CallAnswer {
    const revocations = part(() => find(query))
    if (revocations.status === 'rejected' || revocations.value.length > 0) return { revocations }
    const claimed = part(() => claims.claim(claim))
    if (claimed.status === 'rejected' || !claimed.value || limits === undefined) return { revocations, claim: claimed }
    return { revocations, claim: claimed, limits: part(() => reservations.reserve(limits)) }
  }

  return callStoreOf(stores, async ({ ids, limits }, claim, signal) => {
    const query = queryFor(ids, names)
    return write(() => {
      // A database other than the one of the stores gives no answer.
      meta()
      return answer(query, claim, limits)
    }, signal)
  })
}

/**
 * Returns the result of a part, or the error with which its store refuses, before it claims or reserves anything. Any
 * other error undoes the whole question: a call is not used up when the database fails at its limits.
 */
function part<T>(task: () => T): PromiseSettledResult<T> {
  try {
    return fulfilled(task())
  } catch (reason) {
    if (!(reason instanceof StoreError)) throw reason
    return rejected(reason)
  }
}
