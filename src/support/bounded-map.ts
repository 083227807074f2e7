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
 * @param max - the most that the entries weigh, both generations together; 0 remembers nothing.
 * @param weightOf - what an entry weighs, 1 or more; default 1, so that entries are counted.
 */
export function createBoundedMap<V>(max: number, weightOf: (value: V) => number = () => 1): BoundedMap<V> {
  const half = Math.floor(max / 2)
  let young = new Map<string, V>()
  let old = new Map<string, V>()
  let weight = 0
  const set = (key: string, value: V): void => {
    if (half === 0) return
    if (!young.has(key)) {
      if (weight >= half) {
        old = young
        young = new Map()
        weight = 0
      }
      weight += weightOf(value)
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
