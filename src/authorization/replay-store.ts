import { checkOptions, having, maybe, number } from '../check-options.ts'
import { ArgumentError, StoreError, StoreFullError } from '../errors.ts'
import { type Clock, systemClock, type Timestamp } from '../time.ts'

/** Where a service remembers which invocations it has seen. All processes that serve one audience share one. */
export interface ReplayStore {
  /**
   * Takes `key` if nobody has: one atomic step, put-if-absent.
   *
   * - Returns `true` for the first who asks, once.
   * - Returns `false` for everybody else, until `expiration` has passed; `Infinity` means for good.
   * - Rejects when that cannot be said, or when there is no room; the call is refused then.
   *
   * @param key - hash of the signed bytes of the invocation, as base64url text.
   * @param expiration - last second, clock tolerance included, at which the invocation could be accepted.
   */
  claim(key: string, expiration: Timestamp, options: { readonly signal?: AbortSignal }): boolean | Promise<boolean>
}

/** Options of {@link memoryReplayStore}. */
export interface MemoryReplayStoreOptions {
  /** Most invocations remembered at a time. Default 1,000,000, about 100 MB. */
  readonly maxEntries?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** Seconds of expiry that are forgotten together. */
const bucketSeconds = 64

/**
 * Seen invocations in the memory of this process, for a service of one process. When full it refuses: an entry is
 * forgotten only after its invocation has expired.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function memoryReplayStore(options: MemoryReplayStoreOptions = {}): ReplayStore {
  checkOptions(options, { maxEntries: maybe(number(0)), clock: maybe(having('now')) })
  const { maxEntries = 1_000_000, clock = systemClock } = options
  // An invocation always comes with the same expiry, so that one bucket holds it or none does; a bucket is dropped whole.
  const buckets = new Map<number, Set<string>>()
  let size = 0
  let latest = Number.NEGATIVE_INFINITY

  function forgetExpired(now: Timestamp): void {
    for (const [bucket, keys] of buckets) {
      if ((bucket + 1) * bucketSeconds > now) continue
      buckets.delete(bucket)
      size -= keys.size
    }
  }

  return {
    claim(key, expiration) {
      if (typeof key !== 'string' || typeof expiration !== 'number' || Number.isNaN(expiration)) {
        throw new ArgumentError('an invocation is claimed by a text, until a time in seconds')
      }
      const now = clock.now()
      // What is compared with no time comes out as not later: everything would be forgotten.
      if (!Number.isFinite(now)) throw new StoreError('the clock gave no time')
      if (now - latest >= bucketSeconds) forgetExpired(now)
      latest = Math.max(latest, now)
      const bucket = Math.floor(expiration / bucketSeconds)
      // RPL-04: a clock that went back must not make a forgotten invocation new again.
      if ((bucket + 1) * bucketSeconds <= latest)
        throw new StoreError('the invocation expired before the latest time seen')
      const keys = buckets.get(bucket)
      if (keys?.has(key)) return false
      if (size >= maxEntries) forgetExpired(latest)
      // RPL-03
      if (size >= maxEntries) throw new StoreFullError(`the replay store holds its ${maxEntries} entries`)
      if (keys === undefined) buckets.set(bucket, new Set([key]))
      else keys.add(key)
      size += 1
      return true
    },
  }
}
