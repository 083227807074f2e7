import type { RevocationAge } from '../audit/events/event.ts'
import type { RevocationStore } from '../core/revocation/revocation-store.ts'

/** Reads the age of a store now. With an earlier reading it returns the older of the two. */
export type RevocationAgeReader = (before?: RevocationAge) => RevocationAge | undefined

/**
 * Makes the reader of the age of a store, for the events of a guard. It is read before the store is queried, and again
 * after it: the answer is at least as current as the older of both. A store without `knowledge` has no age, and its
 * events have no further fields.
 *
 * @param onError - receives the error of a store that throws. The look-up after it decides about the call.
 */
export function revocationAgeReader(store: RevocationStore, onError: (error: unknown) => void): RevocationAgeReader {
  if (store.knowledge === undefined) return () => undefined
  const read = (): RevocationAge | undefined => {
    try {
      const known = store.knowledge?.()
      if (known === undefined) return undefined
      const { ageSeconds, stale } = known
      if (!Number.isSafeInteger(Math.round(ageSeconds * 1_000)) || typeof ageSeconds !== 'number' || ageSeconds < 0) {
        throw new TypeError('`ageSeconds` of a revocation store must be a number of seconds')
      }
      // RVK-22
      return { revocationAgeMs: Math.round(ageSeconds * 1_000), ...(stale && { revocationsStale: true as const }) }
    } catch (error) {
      onError(error)
      return undefined
    }
  }
  return (before) => {
    const present = read()
    if (before === undefined || present === undefined) return present ?? before
    return (present.revocationAgeMs ?? 0) > (before.revocationAgeMs ?? 0) ? present : before
  }
}
