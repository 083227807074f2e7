import type { RevocationEntry } from '../core/revocation/revocation-store.ts'
import type { Timestamp } from '../time.ts'

/** Some revocations from a source. */
export interface RevocationNews {
  readonly entries: readonly RevocationEntry[]
  /** The place in the source after these entries, where the next reading continues. Undefined for the start. */
  readonly cursor: string | undefined
  /**
   * The time of which the source had no further entries, by its own clock. Absent if more entries follow at once.
   */
  readonly completeAt?: Timestamp
  /** The reasons why entries before the place were left out, for `onError` of the follower. Default: none. */
  readonly leftOut?: readonly Error[]
}

/** A list of revocations elsewhere, which only grows. */
export interface RevocationSource {
  /**
   * Yields the revocations after a place, and then new ones as they arrive. A source without news repeats `completeAt`
   * from time to time, since the age of a copy counts from there. It may end or fail at any time, and is then called
   * again.
   *
   * Yields verified entries only: the follower adds them without a further check.
   *
   * @param options.after - the last cursor. Absent at the start, when everything is needed.
   */
  read(options: { readonly after?: string | undefined; readonly signal: AbortSignal }): AsyncIterable<RevocationNews>
}
