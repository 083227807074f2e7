import { VaultError } from '../../errors.ts'
import type { Timestamp } from '../../time.ts'
import type { DerivedSecret } from '../processor.ts'

/** Seconds before its expiry from which a secret is derived again, so that it does not expire on the way. */
const margin = 30

/** Seconds after an upstream has refused a secret in which a refusal of its successor makes no further one. */
const renewalPause = 60

/** Seconds in which the issuer is not asked again about a grant that it has refused. */
const endedPause = 60

/** A derived secret, and the versions of the kept secret that it belongs to: those that were read or stored. */
export interface CachedSecret extends DerivedSecret {
  readonly versions: readonly string[]
}

/** Derived secrets by key. Callers that need a secret while it is being derived wait for the same derivation. */
export interface TokenCache {
  /**
   * Returns the derived secret of a key. Calls `derive` unless the cache has one of this version that still works. The
   * cache owns the secret; copy it.
   */
  get(key: string, version: string, now: Timestamp, derive: () => Promise<CachedSecret>): Promise<CachedSecret>
  /**
   * Notes that the upstream has refused a derived secret, which is not used again. Returns whether a successor is worth
   * a try: not if it would be the successor of one that was just refused, too.
   */
  refuse(key: string, derived: CachedSecret, now: Timestamp): boolean
}

interface Entry {
  readonly made: Promise<CachedSecret>
  /** The version of the kept secret for which it was requested. */
  readonly version: string
  /** Absent while it is being derived. */
  ready?: { readonly end: Timestamp; readonly derived: CachedSecret }
  /** The time at which the upstream refused the secret before this one. */
  readonly renewedAt?: Timestamp
  /** The time at which the upstream refused this secret. */
  refusedAt?: Timestamp
  /** The time until which the kept secret, whose grant has ended, is not sent again. */
  endedUntil?: Timestamp
}

/** @param capacity - the number of secrets that are kept; the oldest is dropped first. */
export function createTokenCache(capacity: number): TokenCache {
  const entries = new Map<string, Entry>()

  function drop(key: string, entry: Entry): void {
    if (entries.get(key) === entry) entries.delete(key)
  }

  return {
    get(key, version, now, derive) {
      const present = entries.get(key)
      const ready = present?.ready
      // VLT-14
      const fits =
        ready === undefined
          ? // VLT-54
            present?.version === version && now < (present.endedUntil ?? Number.POSITIVE_INFINITY)
          : now < ready.end && ready.derived.versions.includes(version)
      const renewedAt = present?.refusedAt
      if (present !== undefined && fits && renewedAt === undefined) return present.made
      entries.delete(key)
      const entry: Entry = { made: derive(), version, ...(renewedAt !== undefined && { renewedAt }) }
      entries.set(key, entry)
      for (const oldest of entries.keys()) {
        if (entries.size <= capacity) break
        entries.delete(oldest)
      }
      entry.made.then(
        (derived) => {
          const { expiresAt } = derived
          // A secret without an expiry is not kept, because nothing would show whether it still works.
          if (expiresAt === undefined) drop(key, entry)
          else entry.ready = { end: expiresAt - margin, derived }
        },
        (error: unknown) => {
          if (error instanceof VaultError && error.code === 'ERR_VAULT_REVOKED') entry.endedUntil = now + endedPause
          else drop(key, entry)
        },
      )
      return entry.made
    },
    refuse(key, derived, now) {
      const present = entries.get(key)
      if (present === undefined) return false
      // Another caller has noted it already, and may have a successor.
      if (present.ready?.derived !== derived || present.refusedAt !== undefined) return true
      const { renewedAt } = present
      if (renewedAt !== undefined && now < renewedAt + renewalPause) return false
      present.refusedAt = now
      return true
    },
  }
}
