import type { RevocationAge } from '../audit/events/event.ts'
import type { RevocationStore } from '../revocation/revocation-store.ts'

/**
 * Makes the reader of the age of a store, for the events of a guard. Read it before the store is queried: the answer is
 * then at least as current. A store without `knowledge` has no age, and its events have no further fields.
 *
 * @param onError - receives the error of a store that throws. The look-up after it decides about the call.
 */
export function revocationAgeReader(
  store: RevocationStore,
  onError: (error: unknown) => void,
): () => RevocationAge | undefined {
  if (store.knowledge === undefined) return () => undefined
  return () => {
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
}
