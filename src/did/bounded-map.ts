/**
 * A map that forgets.
 *
 * @module
 */

/** A map from strings that never holds more than it may. */
export interface BoundedMap<V> {
  /** Returns what was set, or undefined when nothing was, or when it has been forgotten. */
  get(key: string): V | undefined
  /** Remembers the value, and may forget those that were not asked for longest. */
  set(key: string, value: V): void
}

/**
 * Makes a map of two generations: when the young one holds half of what is allowed it becomes the old one, and the
 * old one is forgotten at once. What is asked for moves to the young one. So each call costs the same and nothing is
 * deleted one by one, which is what makes an ordered map slow.
 *
 * @param max - the most entries, both generations together; 2 or more.
 */
export function createBoundedMap<V>(max: number): BoundedMap<V> {
  const half = Math.max(1, Math.floor(max / 2))
  let young = new Map<string, V>()
  let old = new Map<string, V>()
  const set = (key: string, value: V): void => {
    if (young.size >= half && !young.has(key)) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }
  return {
    get: (key) => {
      const value = young.get(key)
      if (value !== undefined) return value
      const kept = old.get(key)
      if (kept !== undefined) set(key, kept)
      return kept
    },
    set,
  }
}
