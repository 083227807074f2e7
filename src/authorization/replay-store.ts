import { ArgumentError, StoreError, StoreFullError } from '../errors.ts'
import {
  createFingerprintTable,
  createStringTable,
  type Fingerprint,
  randomPlaceKey,
} from '../support/expiring-table.ts'
import { numberFrom, readOptions, withDefault, withMethod } from '../support/options.ts'
import { type Clock, systemClock, type Timestamp } from '../time.ts'

/** Remembers used invocations. All processes that serve one audience share one store. */
export interface ReplayStore {
  /**
   * Claims a key in one atomic step, put-if-absent.
   *
   * - Returns `true` for the first claim of a key.
   * - Returns `false` for every later claim, until the latest `expiration` passed with the key is over; `Infinity`
   *   means always.
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
  /** Maximum number of remembered invocations. Default 1,000,000, at most 40 MB. */
  readonly maxEntries?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** Seconds of expiry that are forgotten together. */
const periodSeconds = 64

/** The last period. Entries of it are never forgotten. */
const forever = 2 ** 31 - 1

/** More than a claim adds, so that expired entries do not accumulate. */
const placesSweptAtOnce = 8

/** Most places that a claim examines in a full store, in steps: less than a millisecond. */
const placesSweptInFull = 32_768
const sweepStep = 64

/**
 * Remembers used invocations in the memory of this process, for a service that is one process. When full it refuses
 * calls: an entry is removed only after its invocation has expired.
 *
 * Of a key that is a hash, the first 128 bits are kept, outside the JavaScript heap (decision 057). Other strings are
 * kept whole, within it.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function memoryReplayStore(options: MemoryReplayStoreOptions = {}): MemoryReplayStore {
  const { maxEntries, clock } = readOptions('memoryReplayStore', options, {
    maxEntries: withDefault(numberFrom(0), 1_000_000),
    clock: withDefault(withMethod('now'), systemClock),
  })
  const hashes = createFingerprintTable(maxEntries, randomPlaceKey())
  const others = createStringTable()
  const print: Fingerprint = new Int32Array(4)
  let latest = Number.NEGATIVE_INFINITY
  /** Periods are counted from the first time seen. */
  let first = 0

  function periodOf(time: Timestamp): number {
    return Math.min(Math.floor(time / periodSeconds) - first + 1, forever)
  }

  function sweep(places: number): void {
    const present = periodOf(latest)
    hashes.sweep(places, present)
    others.sweep(places, present)
  }

  function isFull(): boolean {
    return hashes.size + others.size >= maxEntries
  }

  return {
    get size() {
      return hashes.size + others.size
    },
    claim(key, expiration) {
      if (typeof key !== 'string' || typeof expiration !== 'number' || Number.isNaN(expiration)) {
        throw new ArgumentError('claim takes a key as a string, and a time in seconds')
      }
      const now = clock.now()
      // Comparisons with NaN are false, so every key would be forgotten.
      if (!Number.isFinite(now)) throw new StoreError('`clock.now()` returned no time')
      if (latest === Number.NEGATIVE_INFINITY) first = Math.floor(now / periodSeconds)
      latest = Math.max(latest, now)
      // RPL-04: a clock that went back must not make a forgotten invocation new again.
      if (Math.floor(expiration / periodSeconds) < Math.floor(latest / periodSeconds))
        throw new StoreError('the invocation expired before the latest time seen')
      const period = periodOf(expiration)
      const present = periodOf(latest)
      sweep(placesSweptAtOnce)
      for (let left = placesSweptInFull; left > 0 && isFull(); left -= sweepStep) sweep(sweepStep)
      const mayAdd = !isFull()
      const isHash = readFingerprint(key, print)
      // RPL-07: services that share the store may differ in their clock tolerance.
      const until = isHash ? hashes.extend(print, period, mayAdd) : others.extend(key, period, mayAdd)
      // RPL-03
      if (until === 0 && !mayAdd) throw new StoreFullError(`the replay store holds its ${maxEntries} entries`)
      return until < present
    },
  }
}

/** The digits of base64url by their character code. */
const digits = Int8Array.from({ length: 128 }, (_, code) =>
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.indexOf(String.fromCharCode(code)),
)

/** A SHA-256 in base64url has 43 digits. The first 22 contain 128 bits. */
const hashDigits = 43

/** Reads the first 128 bits of a hash into `print`. Returns false when the key is not a hash in base64url. */
function readFingerprint(key: string, print: Fingerprint): boolean {
  if (key.length !== hashDigits) return false
  const rest = (digitAt(key, 20) << 6) | digitAt(key, 21)
  let all = rest
  for (let word = 0; word < 4; word++) {
    const at = word * 5
    const high = (digitAt(key, at) << 6) | digitAt(key, at + 1)
    const middle = (digitAt(key, at + 2) << 6) | digitAt(key, at + 3)
    const low = digitAt(key, at + 4)
    all |= high | middle | low
    print[word] = (high << 20) | (middle << 8) | (low << 2) | ((rest >> (2 * word)) & 3)
  }
  return all >= 0
}

/** The value of a digit, or a negative number. */
function digitAt(key: string, at: number): number {
  return digits[key.charCodeAt(at)] ?? -1
}
