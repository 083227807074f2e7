import { ArgumentError, StoreError, StoreFullError } from '../../errors.ts'
import { numberFrom, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { type Clock, maxTolerance, secondsOf, systemClock, type Timestamp } from '../../time.ts'

/** Remembers used invocations. All processes that serve one audience share one store. */
export interface ReplayStore {
  /**
   * Claims a key in one atomic step, put-if-absent.
   *
   * - Returns `true` for the first claim of a key.
   * - Returns `false` for every later claim, until 300 seconds after the latest `expiration` passed with the key;
   *   `Infinity` means always. A service with a larger clock tolerance accepts a call for as much longer.
   * - Rejects when it cannot find out, or when it is full; the call is then refused.
   *
   * @param key - hash of the signed bytes of the invocation, as a base64url string.
   * @param expiration - last second, clock tolerance included, at which the invocation could be accepted.
   */
  claim(key: string, expiration: Timestamp, options: ClaimOptions): boolean | Promise<boolean>
}

/** Options of {@link ReplayStore.claim}. */
export interface ClaimOptions {
  /** Ends a claim that takes too long; the call is refused then. */
  readonly signal?: AbortSignal | undefined
  /**
   * The `iat` of the invocation minus the clock tolerance: the first second at which a service could have accepted it,
   * if its issuer does not lie. Absent if it has no `iat`. For stores that can lose their data.
   */
  readonly acceptedFrom?: Timestamp | undefined
}

/** A replay store in memory. */
export interface MemoryReplayStore extends ReplayStore {
  /** The number of entries, expired ones included that are not forgotten yet. */
  readonly size: number
}

/** Options of {@link memoryReplayStore}. */
export interface MemoryReplayStoreOptions {
  /** Maximum number of remembered invocations. Default 1,000,000, about 100 MB. */
  readonly maxEntries?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** Entries that a claim examines: more than it adds, so that expired ones do not accumulate. */
const sweptAtOnce = 3

/** Most entries that a claim examines in a full store: about a millisecond. */
const sweptInFull = 10_000

/**
 * Remembers used invocations in the memory of this process, for a service that is one process. When full it refuses
 * calls: an entry is removed only 300 seconds after its invocation has expired. An entry takes about 100 bytes
 * of the JavaScript heap.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function memoryReplayStore(options: MemoryReplayStoreOptions = {}): MemoryReplayStore {
  const { maxEntries, clock } = readOptions('memoryReplayStore', options, {
    maxEntries: withDefault(numberFrom(0), 1_000_000),
    clock: withDefault(withMethod('now'), systemClock),
  })
  /** The latest expiration of each key. */
  const claims = new Map<string, Timestamp>()
  /** The entries that are still to examine in this circle. */
  let rest = claims.entries()
  let latest = Number.NEGATIVE_INFINITY

  /** Examines the next entries, until there is room for another one after the first three. */
  function sweep(): void {
    for (let examined = 0; examined < (claims.size < maxEntries ? sweptAtOnce : sweptInFull); examined++) {
      const { done, value } = rest.next()
      if (done) rest = claims.entries()
      else if (isOver(value[1])) claims.delete(value[0])
    }
  }

  /** RPL-07: services that share the store may differ in their clock tolerance. */
  function isOver(expiration: Timestamp): boolean {
    return expiration + maxTolerance < latest
  }

  return {
    get size() {
      return claims.size
    },
    claim(key, expiration) {
      if (typeof key !== 'string' || typeof expiration !== 'number' || Number.isNaN(expiration)) {
        throw new ArgumentError('claim takes a key as a string, and a time in seconds')
      }
      latest = Math.max(latest, secondsOf(clock))
      // RPL-04: a clock that went back must not make a forgotten invocation new again.
      if (expiration < latest) throw new StoreError('the invocation expired before the latest time seen')
      sweep()
      const known = claims.get(key)
      // RPL-03
      if (known === undefined && claims.size >= maxEntries)
        throw new StoreFullError(`the replay store holds its ${maxEntries} entries`)
      claims.set(key, Math.max(expiration, known ?? expiration))
      return known === undefined || isOver(known)
    },
  }
}
