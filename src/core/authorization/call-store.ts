import type { Timestamp } from '../../time.ts'
import type { RevocationRecord, RevocationStore } from '../revocation/revocation-store.ts'
import type { LimitAnswer, LimitRequest, LimitStore } from './limits/limit-store.ts'
import type { ReplayStore } from './replay-store.ts'

/** Everything that a decision about one call asks of its stores. */
export interface CallQuestion {
  /** As `findRevocations` receives them. */
  readonly ids: readonly string[]
  /** As `claim` receives it. */
  readonly claim: CallClaim
  /** As `reserve` receives it. Absent for a call without limits. */
  readonly limits?: LimitRequest
}

/** A claim of a call. See `ReplayStore.claim`. */
export interface CallClaim {
  readonly key: string
  readonly expiration: Timestamp
  readonly acceptedFrom: Timestamp | undefined
}

/** The answers, as far as they were found out. Each one is a result, or the error with which its store rejects. */
export interface CallAnswer {
  readonly revocations: PromiseSettledResult<readonly RevocationRecord[]>
  /** Absent if a revocation was found or the revocations are not known: then nothing was claimed. */
  readonly claim?: PromiseSettledResult<boolean>
  /** Absent unless the claim was the first one of the call: then nothing was reserved. */
  readonly limits?: PromiseSettledResult<LimitAnswer>
}

/**
 * Asks three stores that are one database in one request. `redisStores`, `postgresStores` and `sqliteStores` return it
 * beside the stores. It is used only where the service has all three of its stores: if one is replaced, each store is
 * asked by itself.
 */
export interface CallStore {
  readonly revocations: RevocationStore
  readonly replay: ReplayStore
  readonly limitStore: LimitStore
  /**
   * Looks up the revocations. If nothing in the chain is revoked, claims the call. If that is its first claim, reserves
   * its limits. Each step is as atomic as in its own store. Rejects when the store does not answer.
   */
  ask(question: CallQuestion, options: { readonly signal?: AbortSignal | undefined }): Promise<CallAnswer>
}
