import { type Clock, secondsOf } from '../../time.ts'
import { shareReading } from '../release/reading.ts'
import type { SecretReading } from '../source.ts'

/** Readings that are kept at most; the oldest is dropped first. */
const capacity = 1_000

/** Keeps secrets that were read. One that may not be used again is overwritten when it is next looked up. */
export interface ReadingCache {
  /** Returns a copy of a reading that is younger than `seconds` and has not expired. */
  get(key: string, seconds: number): SecretReading | undefined
  /** Keeps a copy of a reading of a credential. */
  put(key: string, reference: string, reading: SecretReading): void
  /** Overwrites and drops one reading. */
  drop(key: string): void
  /** Drops all readings of a credential, and begins its next generation. */
  forget(reference: string): void
  /**
   * Counts how often a credential was forgotten. A reading of an earlier generation must be neither kept nor joined.
   */
  generation(reference: string): number
}

/** Options of {@link createReadingCache}; `keep` and `maxStale` are in seconds. */
export interface ReadingCacheOptions {
  readonly clock: Clock
  readonly monotonicMs: () => number
  readonly keep: number
  readonly maxStale: number
}

/** Makes an empty cache. With both `keep` and `maxStale` 0 it stays empty. */
export function createReadingCache({ clock, monotonicMs, keep, maxStale }: ReadingCacheOptions): ReadingCache {
  const kept = new Map<string, { readonly reference: string; readonly reading: SecretReading; readonly at: number }>()
  const generations = new Map<string, number>()
  const longest = Math.max(keep, maxStale)
  const generation = (reference: string): number => generations.get(reference) ?? 0

  function drop(key: string): void {
    kept.get(key)?.reading.secret.dispose()
    kept.delete(key)
  }

  return {
    drop,
    generation,
    get(key, seconds) {
      const entry = kept.get(key)
      if (entry === undefined) return undefined
      const age = (monotonicMs() - entry.at) / 1_000
      const { expiresAt } = entry.reading
      // VLT-15: A kept secret is not used after its own expiration.
      if (age >= longest || (expiresAt !== undefined && secondsOf(clock) >= expiresAt)) {
        drop(key)
        return undefined
      }
      return age < seconds ? shareReading(entry.reading) : undefined
    },
    put(key, reference, reading) {
      drop(key)
      if (longest === 0) return
      kept.set(key, { reference, reading: { ...reading, secret: reading.secret.copy() }, at: monotonicMs() })
      for (const oldest of kept.keys()) {
        if (kept.size <= capacity) break
        drop(oldest)
      }
    },
    forget(reference) {
      for (const [key, entry] of kept) if (entry.reference === reference) drop(key)
      generations.set(reference, generation(reference) + 1)
    },
  }
}
