/** Chance that can be repeated: the same seed gives the same choices. */
export interface Random {
  /** A whole number from 0 to `below`, without `below`. */
  below(below: number): number
  /** True so often in a hundred. */
  percent(percent: number): boolean
  /** One of some things. */
  pick<T>(things: readonly T[]): T
  /** Another one, which does not depend on how often this one is asked later. */
  fork(): Random
}

/** Makes it, by the generator mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    below,
    percent: (percent) => next() * 100 < percent,
    pick: <T>(things: readonly T[]): T => things[below(things.length)] as T,
    fork: () => createRandom(below(2 ** 32)),
  }
}
