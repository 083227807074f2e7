import { checkProcessedSet, type ProcessedSets } from '../../core/revocation/processed-sets.ts'
import { createBoundedMap } from '../../support/bounded-map.ts'
import type { Timestamp } from '../../time.ts'

/** Ids in memory: the last half of them at least. */
const remembered = 100_000

/**
 * The ids of one process. A repeated token that was forgotten is processed again: losing a revocation would be worse.
 */
export function processedInMemory(): ProcessedSets {
  const ids = createBoundedMap<true>(remembered)
  return {
    has(id: string, expiration: Timestamp) {
      checkProcessedSet(id, expiration)
      return ids.get(id) === true
    },
    add(id: string, expiration: Timestamp) {
      checkProcessedSet(id, expiration)
      ids.set(id, true)
    },
  }
}
