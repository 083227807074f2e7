/** Repeatable random choices: the same seed gives the same choices. */
export interface Random {
  /** An integer from 0 to `below`, exclusive. */
  below(below: number): number
  /** True with this probability in percent. */
  percent(percent: number): boolean
  /** One of these things. */
  pick<T>(things: readonly T[]): T
  /** Another generator, which is independent of later calls of this one. */
  fork(): Random
}

/** Creates a generator, by the algorithm mulberry32. */
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
