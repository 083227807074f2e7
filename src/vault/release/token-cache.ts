import type { Timestamp } from '../../time.ts'
import type { DerivedSecret } from '../processor.ts'

/** Seconds before its end from which on a kept secret is made anew, so that it does not end on the way. */
const margin = 30

/** A derived secret, and the versions of the kept secret that it belongs to: the one read, and a successor stored. */
export interface CachedSecret extends DerivedSecret {
  readonly versions: readonly string[]
}

/** Derived secrets by key; while one is made, everybody who wants it waits for the same. */
export interface TokenCache {
  /**
   * Returns the derived secret of a key, made by `derive` when there is none of this version that still works. The
   * secret belongs to the cache; copy it.
   */
  get(key: string, version: string, now: Timestamp, derive: () => Promise<CachedSecret>): Promise<CachedSecret>
}

interface Entry {
  readonly made: Promise<CachedSecret>
  /** The version of the kept secret that it was asked for. */
  readonly version: string
  /** Absent while it is being made. */
  ready?: { readonly end: Timestamp; readonly versions: readonly string[] }
}

/** @param capacity - secrets that are kept; the one made longest ago goes first. */
export function createTokenCache(capacity: number): TokenCache {
  const entries = new Map<string, Entry>()

  return {
    get(key, version, now, derive) {
      const present = entries.get(key)
      const ready = present?.ready
      // VLT-14
      const fits =
        ready === undefined ? present?.version === version : now < ready.end && ready.versions.includes(version)
      if (present !== undefined && fits) return present.made
      entries.delete(key)
      const entry: Entry = { made: derive(), version }
      entries.set(key, entry)
      for (const oldest of entries.keys()) {
        if (entries.size <= capacity) break
        entries.delete(oldest)
      }
      entry.made.then(
        (derived) => {
          // Without an end of its own a secret is not kept: nobody could say that it still works.
          const end = derived.expiresAt === undefined ? Number.NEGATIVE_INFINITY : derived.expiresAt - margin
          entry.ready = { end, versions: derived.versions }
        },
        () => {
          if (entries.get(key) === entry) entries.delete(key)
        },
      )
      return entry.made
    },
  }
}
