/**
 * Chance that a number begins: the same number gives the same inputs, on every machine.
 *
 * @module
 */

/** A source of choices. */
export interface Random {
  /** A whole number from 0 to `count - 1`. */
  below(count: number): number
  pick<T>(list: readonly T[]): T
  /** Yes, once in so many times. */
  once(inSoMany: number): boolean
  bytes(length: number): Uint8Array
}

/** Begins a source of choices. */
export function randomOf(seed: number): Random {
  let state = seed | 0
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  const below = (count: number): number => next() % Math.max(count, 1)
  return {
    below,
    pick: (list) => list[below(list.length)] as (typeof list)[number],
    once: (inSoMany) => below(inSoMany) === 0,
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  }
}

/** A number that differs with the name and with the turn. */
export function seedOf(seed: number, name: string, turn: number): number {
  let hash = seed ^ Math.imul(turn + 1, 0x9e3779b1)
  for (const letter of name) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193)
  return hash
}
