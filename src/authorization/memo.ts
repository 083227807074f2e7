/** A bounded map that forgets what has not been used for longest, roughly. */
export interface Memo<T> {
  /** What is remembered under `key`. */
  get(key: string): T | undefined
  /** Remembers `value`. */
  add(key: string, value: T): void
}

/**
 * Makes a memo of at most `max` entries. Two generations: what was not used while half of them came in is forgotten, a
 * map at a time, so that neither use nor forgetting costs more as it grows.
 *
 * @param max - 0 remembers nothing.
 */
export function createMemo<T>(max: number): Memo<T> {
  const half = Math.ceil(max / 2)
  let young = new Map<string, T>()
  let old = new Map<string, T>()

  function add(key: string, value: T): void {
    if (half === 0) return
    if (young.size >= half) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }

  return {
    get(key) {
      const value = young.get(key)
      if (value !== undefined) return value
      const aged = old.get(key)
      if (aged !== undefined) add(key, aged)
      return aged
    },
    add,
  }
}
