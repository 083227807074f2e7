/** A bounded map that forgets what has not been used for longest, roughly. */
export interface Memo<T> {
  /** What is remembered under `key`. */
  get(key: string): T | undefined
  /** Remembers `value`; one that takes as much memory as several counts as that many (`weight`, default 1). */
  add(key: string, value: T, weight?: number): void
}

/**
 * Makes a memo of entries that weigh at most `max`. Two generations: what was not used while half of them came in is forgotten, a
 * map at a time, so that neither use nor forgetting costs more as it grows.
 *
 * @param max - 0 remembers nothing.
 */
export function createMemo<T>(max: number): Memo<T> {
  const half = Math.ceil(max / 2)
  let young = new Map<string, Entry<T>>()
  let old = new Map<string, Entry<T>>()
  let held = 0

  function keep(key: string, entry: Entry<T>): void {
    if (half === 0) return
    if (held >= half) {
      old = young
      young = new Map()
      held = 0
    }
    young.set(key, entry)
    held += entry.weight
  }

  return {
    get(key) {
      const entry = young.get(key)
      if (entry !== undefined) return entry.value
      const aged = old.get(key)
      if (aged !== undefined) keep(key, aged)
      return aged?.value
    },
    add: (key, value, weight = 1) => keep(key, { value, weight }),
  }
}

interface Entry<T> {
  readonly value: T
  readonly weight: number
}
