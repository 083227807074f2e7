/**
 * How often a property is tried, and from which seed. `npm test` tries a part of the cases, so that it takes a minute
 * or two; with `CI` set it tries all of them. Its seed is fixed, so that a build gives the same answer twice.
 * `npm run test:long` tries far more, from a new seed each time. `PROCURA_SEED=n` sets the seed of both. The title of a
 * test contains the number and the seed.
 *
 * @module
 */
import { randomInt } from 'node:crypto'

/** The parameters of fast-check, and the words for the title. */
export interface Runs {
  readonly numRuns: number
  readonly seed: number
  readonly title: string
}

/**
 * Runs of `npm test`: a part of `numRuns`, and all of them where `CI` is set.
 *
 * @param divisor - 20, and less where rare cases must occur.
 */
export function shortRuns(numRuns: number, divisor = 20): Runs {
  return runs(inCi ? numRuns : Math.ceil(numRuns / divisor), 20_260_708)
}

/** Runs of `npm run test:long`. */
export function longRuns(numRuns: number): Runs {
  return runs(numRuns, randomInt(0x7fff_ffff))
}

/**
 * The cases of `npm test`: of each kind the first and every twentieth after it, and all of them where `CI` is set.
 *
 * @param kindOf - cases of one kind are likely to fail together.
 * @param share - 20, and less where many cases must occur.
 */
export function shortCases<T>(cases: readonly T[], kindOf: (one: T) => string, share = 20): readonly T[] {
  const seen = new Map<string, number>()
  return cases.filter((one) => {
    const kind = kindOf(one)
    const before = seen.get(kind) ?? 0
    seen.set(kind, before + 1)
    return inCi || before % share === 0
  })
}

/** Whether this run is the one that decides whether a change lands. */
export const inCi: boolean = (process.env['CI'] ?? '') !== ''

function runs(numRuns: number, otherwise: number): Runs {
  const given = process.env['PROCURA_SEED'] ?? ''
  const seed = /^-?[0-9]+$/.test(given) ? Number(given) : otherwise
  return { numRuns, seed, title: `${numRuns.toLocaleString('en')} runs, seed ${seed}` }
}
