import { ArgumentError, StoreError, StoreFullError } from '../errors.ts'
import { maybe, numberFrom, readOptions, withMethod } from '../support/options.ts'
import { type Clock, systemClock, type Timestamp } from '../time.ts'

/** Remembers used invocations. All processes that serve one audience share one store. */
export interface ReplayStore {
  /**
   * Claims a key in one atomic step, put-if-absent.
   *
   * - Returns `true` for the first claim of a key.
   * - Returns `false` for every later claim, until the latest `expiration` passed with the key is over; `Infinity` means
   *   always.
   * - Rejects when it cannot find out, or when it is full; the call is then refused.
   *
   * @param key - hash of the signed bytes of the invocation, as a base64url string.
   * @param expiration - last second, clock tolerance included, at which the invocation could be accepted.
   */
  claim(
    key: string,
    expiration: Timestamp,
    options: { readonly signal?: AbortSignal | undefined },
  ): boolean | Promise<boolean>
}

/** Options of {@link memoryReplayStore}. */
export interface MemoryReplayStoreOptions {
  /** Maximum number of remembered invocations. Default 1,000,000, about 100 MB. */
  readonly maxEntries?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** Seconds of expiry that are forgotten together. */
const bucketSeconds = 64

/** More than a claim adds, so that expired keys do not accumulate. */
const keysForgottenAtOnce = 4

/**
 * Remembers used invocations in the memory of this process, for a service that is one process. When full it refuses calls:
 * an entry is removed only after its invocation has expired.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function memoryReplayStore(options: MemoryReplayStoreOptions = {}): ReplayStore {
  const { maxEntries = 1_000_000, clock = systemClock } = readOptions('memoryReplayStore', options, {
    maxEntries: maybe(numberFrom(0)),
    clock: maybe(withMethod('now')),
  })
  /** Until when each key counts, by the bucket of that time. */
  const known = new Map<string, number>()
  const buckets = new Map<number, string[]>()
  /** Keys of buckets that are over. A few are forgotten at each claim, so that no claim waits for all of them. */
  const overdue: string[][] = []
  let latest = Number.NEGATIVE_INFINITY

  function isOver(bucket: number): boolean {
    return (bucket + 1) * bucketSeconds <= latest
  }

  function place(key: string, bucket: number): void {
    const keys = buckets.get(bucket)
    if (keys === undefined) buckets.set(bucket, [key])
    else keys.push(key)
  }

  function noteOver(): void {
    for (const [bucket, keys] of buckets) if (isOver(bucket) && buckets.delete(bucket)) overdue.push(keys)
  }

  function forgetSome(): void {
    for (let left = keysForgottenAtOnce; left > 0; left--) {
      const key = overdue.at(-1)?.pop()
      const bucket = key === undefined ? undefined : known.get(key)
      if (key === undefined) overdue.pop()
      else if (bucket !== undefined && isOver(bucket)) known.delete(key)
      else if (bucket !== undefined) place(key, bucket)
    }
  }

  return {
    claim(key, expiration) {
      if (typeof key !== 'string' || typeof expiration !== 'number' || Number.isNaN(expiration)) {
        throw new ArgumentError('claim takes a key as a string, and a time in seconds')
      }
      const now = clock.now()
      // Comparisons with NaN are false, so every key would be forgotten.
      if (!Number.isFinite(now)) throw new StoreError('`clock.now()` returned no time')
      const since = now - latest
      latest = Math.max(latest, now)
      if (since >= bucketSeconds) noteOver()
      forgetSome()
      const bucket = Math.floor(expiration / bucketSeconds)
      // RPL-04: a clock that went back must not make a forgotten invocation new again.
      if (isOver(bucket)) throw new StoreError('the invocation expired before the latest time seen')
      const until = known.get(key)
      if (until !== undefined && !isOver(until)) {
        // RPL-07: services that share the store may differ in their clock tolerance.
        if (bucket > until) known.set(key, bucket)
        return false
      }
      if (known.size >= maxEntries) noteOver()
      while (known.size >= maxEntries && overdue.length > 0) forgetSome()
      // RPL-03
      if (known.size >= maxEntries) throw new StoreFullError(`the replay store holds its ${maxEntries} entries`)
      known.set(key, bucket)
      place(key, bucket)
      return true
    },
  }
}
