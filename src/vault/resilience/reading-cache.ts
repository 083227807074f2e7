import { type Clock, secondsOf } from '../../time.ts'
import { shareReading } from '../release/reading.ts'
import type { SecretReading } from '../source.ts'

/** Readings that are kept at most; the oldest is dropped first. */
const capacity = 1_000

/** Keeps secrets that were read. One that may not be used again is overwritten when it is next looked up. */
export interface ReadingCache {
  /** Returns a copy of a reading that is younger than `seconds` and has not expired. */
  get(key: string, seconds: number): SecretReading | undefined
  /** Begins a reading of a credential. */
  begin(key: string, reference: string): BegunReading
  /** Overwrites and drops one reading. One that began before is not kept, although it may arrive later. */
  drop(key: string): void
  /** Drops all readings of a credential, and begins its next generation. */
  forget(reference: string): void
  /**
   * Counts how often a credential was forgotten. A reading of an earlier generation must not be joined.
   */
  generation(reference: string): number
}

/** A reading in progress. */
export interface BegunReading {
  /** Keeps a copy of it, unless its key was dropped or its credential forgotten since it began. */
  keep(reading: SecretReading): void
  /** Must be called when it has ended. */
  end(): void
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

  const inProgress = new Set<{ readonly key: string; readonly reference: string; isDropped: boolean }>()

  function remove(key: string): void {
    kept.get(key)?.reading.secret.dispose()
    kept.delete(key)
  }

  function put(key: string, reference: string, reading: SecretReading): void {
    remove(key)
    if (longest === 0) return
    kept.set(key, { reference, reading: { ...reading, secret: reading.secret.copy() }, at: monotonicMs() })
    for (const oldest of kept.keys()) {
      if (kept.size <= capacity) break
      remove(oldest)
    }
  }

  return {
    generation,
    begin(key, reference) {
      const begun = { key, reference, isDropped: false }
      inProgress.add(begun)
      return {
        keep(reading) {
          if (!begun.isDropped) put(key, reference, reading)
        },
        end: () => void inProgress.delete(begun),
      }
    },
    drop(key) {
      remove(key)
      for (const begun of inProgress) if (begun.key === key) begun.isDropped = true
    },
    get(key, seconds) {
      const entry = kept.get(key)
      if (entry === undefined) return undefined
      const age = (monotonicMs() - entry.at) / 1_000
      const { expiresAt } = entry.reading
      // VLT-15: A kept secret is not used after its own expiration.
      if (age >= longest || (expiresAt !== undefined && secondsOf(clock) >= expiresAt)) {
        remove(key)
        return undefined
      }
      return age < seconds ? shareReading(entry.reading) : undefined
    },
    forget(reference) {
      for (const [key, entry] of kept) if (entry.reference === reference) remove(key)
      for (const begun of inProgress) if (begun.reference === reference) begun.isDropped = true
      generations.set(reference, generation(reference) + 1)
    },
  }
}
