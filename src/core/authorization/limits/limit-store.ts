import type { Timestamp } from '../../../time.ts'

/** One limit of a chain, as a store counts it. */
export interface LimitEntry {
  /** Names the delegation and the limit. */
  readonly key: string
  /**
   * `total`: the amounts of all calls are added up. `rate`: those of the last {@link LimitEntry.window} seconds.
   * `concurrent`: those of the calls that have not ended.
   */
  readonly kind: 'total' | 'rate' | 'concurrent'
  /** The largest sum of the amounts: an integer from 1 to 999,999,999,999,999. The same in each request for the key. */
  readonly maximum: number
  /** The amount of this call: an integer from 0 to the maximum with `total`, and 1 otherwise. */
  readonly amount: number
  /** Seconds, with `rate`. */
  readonly window?: number
  /** Last second, clock tolerance included, at which the delegation can be used. `Infinity` for always. */
  readonly expiration: Timestamp
  /**
   * Whether a delegate has issued the delegation, and not the owner of the authority. A delegate can issue any number,
   * so a store with a maximum keeps some places for the limits of owners. Default false.
   */
  readonly byDelegate?: boolean
}

/** The limits of one call. */
export interface LimitRequest {
  /** Names the reservation: 128 random bits, in hexadecimal. */
  readonly reservation: string
  /** The limits, root first, each key once. */
  readonly entries: readonly LimitEntry[]
  /** The reservation ends at this time, unless it was committed. A concurrent call counts until then at the longest. */
  readonly deadline: Timestamp
  /** Whether the amounts are final at once, as if `commit` followed. */
  readonly commit: boolean
  /**
   * Names the task of an idempotent command. After a commit, no further call of the task counts for the same key of the
   * kind `total`.
   */
  readonly task?: string
}

/** The answer of a store: everything is reserved, or nothing is because of the limit with this key. */
export type LimitAnswer =
  | { readonly reserved: true }
  | ({ readonly reserved: false; readonly key: string } & LimitState)

/** The state of a limit. */
export interface LimitState {
  /** The maximum minus the amounts that count now; never negative. */
  readonly remaining: number
  /** For a `rate` with nothing left: the time at which a call is possible again. */
  readonly freeAt?: Timestamp
}

/** Options of every method of a {@link LimitStore}. */
export interface LimitStoreOptions {
  /** Ends a request that takes too long; the call is refused then. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Counts the calls of delegations with limits. All processes that serve one audience share one store.
 *
 * An amount counts from its reservation on. With nothing left of a limit, no call is possible, not even with the amount
 * 0.
 */
export interface LimitStore {
  /**
   * Reserves all amounts of a call in one atomic step, or none.
   *
   * - Resolves to `{ reserved: true }` when every limit has enough left.
   * - Resolves to the first limit that has not, and its state.
   * - Rejects when it cannot find out, is full, or the deadline has passed by its clock; the call is then refused.
   */
  reserve(request: LimitRequest, options: LimitStoreOptions): LimitAnswer | Promise<LimitAnswer>
  /**
   * Makes the amounts of a reservation final, so that they are never given back. Resolves to false, and changes
   * nothing, when there is no such reservation or its deadline has passed: the amounts were given back.
   */
  commit(reservation: string, options: LimitStoreOptions): boolean | Promise<boolean>
  /**
   * Ends a call. Gives back everything that was not committed, and for a committed reservation the places of concurrent
   * calls. Does nothing for an unknown reservation.
   */
  release(reservation: string, options: LimitStoreOptions): void | Promise<void>
  /** Resolves to the state of each entry, in the same order. Changes nothing. */
  remaining(
    entries: readonly LimitEntry[],
    options: LimitStoreOptions,
  ): readonly LimitState[] | Promise<readonly LimitState[]>
}
