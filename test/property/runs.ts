/**
 * How often a property is tried, and from which seed. In `npm test` the seed is fixed, so that a build gives the same
 * answer twice; in `npm run test:long` it is new each time. `PROCURA_SEED=n` sets it in both. The seed stands in the
 * title of the test, so that every report shows it.
 *
 * @module
 */
import { randomInt } from 'node:crypto'

/** What fast-check is told, and the words for the title. */
export interface Runs {
  readonly numRuns: number
  readonly seed: number
  readonly title: string
}

/** Runs of `npm test`. */
export function shortRuns(numRuns: number): Runs {
  return runs(numRuns, 20_260_708)
}

/** Runs of `npm run test:long`. */
export function longRuns(numRuns: number): Runs {
  return runs(numRuns, randomInt(0x7fff_ffff))
}

function runs(numRuns: number, otherwise: number): Runs {
  const given = process.env['PROCURA_SEED'] ?? ''
  const seed = /^-?[0-9]+$/.test(given) ? Number(given) : otherwise
  return { numRuns, seed, title: `${numRuns.toLocaleString('en')} runs, seed ${seed}` }
}
