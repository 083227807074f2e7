/**
 * A cache of bounded size.
 *
 * @module
 */

/** A map from strings with a bounded size. */
export interface BoundedMap<V> {
  /** Returns the value, or undefined when it was never set or is no longer in the map. */
  get(key: string): V | undefined
  /** Sets the value, and may remove values that were not read for the longest time. */
  set(key: string, value: V): void
}

/**
 * Makes a map of two generations. When the young generation has half of the maximum, it becomes the old one, and the
 * former old one is dropped. Reading an entry moves it to the young generation. Every call costs the same, because
 * entries are never deleted one by one, which makes an ordered map slow.
 *
 * @param max - most weight of both generations together, except that the last entry of each may exceed its half. Less
 *   than 2 stores nothing.
 * @param weightOf - the weight of an entry, at least 1. Default 1, so `max` is a number of entries.
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
