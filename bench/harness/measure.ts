/**
 * Times of several contenders, measured so that they can be compared on a busy machine.
 *
 * Every contender has one turn in each round, so that a slow period affects all of them. The order differs in each
 * round. The garbage of one turn is collected before the next, so that no contender pays for another. A turn that was
 * disturbed from outside is repeated, and left out when it stayed disturbed and enough others are left. A ratio compares
 * two turns of the same round; medians are taken after dividing.
 *
 * @module
 */

import { calmlyIfPossible, type Taken } from './calm.ts'
import type { Effort } from './suite.ts'

/** Something to be timed. */
export interface Contender {
  readonly name: string
  /** One operation. A promise is awaited before the next. */
  readonly run: () => unknown
  /** How many operations one call of `run` is. Default 1. */
  readonly operations?: number
  /** Makes what the next calls of `run` use, so many of them. This is not timed. */
  readonly prepare?: (calls: number) => void
}

/** How long one operation of a contender took. */
export interface Measurement {
  readonly name: string
  /** Microseconds; the middle of all rounds. */
  readonly median: number
  /** Microseconds; a quarter of all rounds took less, and a quarter took more. */
  readonly quartiles: readonly [lower: number, upper: number]
  /** The median of the ratios to the base, round by round. */
  readonly ratio: number
  /** How many operations were timed. */
  readonly operations: number
}

/** A median of so many rounds moves little. With fewer undisturbed ones, the disturbed ones of the table count too. */
const enough = 15

/**
 * Measures contenders against the one named `base`, by default the first.
 *
 * @throws Error when `base` does not name a contender.
 */
export async function measure(
  contenders: readonly Contender[],
  { rounds, turnMs }: Effort,
  base: string | undefined = contenders[0]?.name,
): Promise<readonly Measurement[]> {
  const baseAt = contenders.findIndex(({ name }) => name === base)
  if (baseAt < 0) throw new Error(`no contender is named ${base}`)
  const turns: Turn[] = []
  for (const contender of contenders) turns.push(await prepareTurn(contender, turnMs))
  const taken = contenders.map((): Taken<number>[] => [])
  const shuffle = createShuffle()
  for (let round = 0; round < rounds; round++) {
    for (const at of shuffle(turns.keys())) {
      taken[at]?.push(await calmlyIfPossible(() => (turns[at] as Turn).take()))
    }
  }
  return compare(taken, baseAt).map((times, at) => ({
    name: (contenders[at] as Contender).name,
    ...times,
    operations: (turns[at] as Turn).operations * rounds,
  }))
}

/**
 * The medians of the undisturbed turns, or of all turns when a contender has too few undisturbed ones.
 *
 * @param taken - the microseconds of each contender's turns, round by round.
 * @param baseAt - the contender to which the others are compared.
 */
export function compare(
  taken: readonly (readonly Taken<number>[])[],
  baseAt: number,
): readonly Pick<Measurement, 'median' | 'quartiles' | 'ratio'>[] {
  const bases = taken[baseAt] as readonly Taken<number>[]
  // The same for all contenders, because their medians are compared too.
  const isEnough = taken.every((own) => ratiosOf(own, bases).filter(({ isCalm }) => isCalm).length >= enough)
  const counting = (turns: readonly Taken<number>[]): readonly number[] =>
    turns.filter(({ isCalm }) => isCalm || !isEnough).map(({ value }) => value)
  return taken.map((own) => {
    const times = counting(own)
    return {
      median: quantile(times, 0.5),
      quartiles: [quantile(times, 0.25), quantile(times, 0.75)],
      ratio: quantile(counting(ratiosOf(own, bases)), 0.5),
    }
  })
}

/** Round by round, undisturbed when both turns were. */
function ratiosOf(own: readonly Taken<number>[], bases: readonly Taken<number>[]): readonly Taken<number>[] {
  return own.map(({ value, isCalm }, round) => {
    const base = bases[round] as Taken<number>
    return { value: value / base.value, isCalm: isCalm && base.isCalm }
  })
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const position = (sorted.length - 1) * share
  const lower = sorted[Math.floor(position)] ?? Number.NaN
  const upper = sorted[Math.ceil(position)] ?? Number.NaN
  return lower + (upper - lower) * (position - Math.floor(position))
}

interface Turn {
  readonly operations: number
  /** Resolves with the microseconds that one operation took. */
  take(): Promise<number>
}

/**
 * Compilers take thousands of calls to make the best of code, and on a slow processor fewer fit into a time. So a
 * contender runs for 80 turns and 5,000 operations before any is timed, but for 600 turns at most.
 */
const warming = { turns: 80, operations: 5_000, mostTurns: 600 }

/**
 * Operations that are prepared before they are timed. What many of them use would not be in the cache of the processor.
 */
const preparedAtOnce = 64

/** Runs a contender until it is warm, and finds out how often it fits into a turn. */
async function prepareTurn({ run, operations = 1, prepare }: Contender, turnMs: number): Promise<Turn> {
  prepare?.(1)
  const first = run()
  const time = first instanceof Promise ? timeAsync : timeSync
  await first
  const timesAtOnce = Math.max(1, Math.floor(preparedAtOnce / operations))
  const batch = async (run: () => unknown, times: number): Promise<number> => {
    if (prepare === undefined) return time(run, times)
    let total = 0
    for (let left = times; left > 0; left -= timesAtOnce) {
      prepare(Math.min(left, timesAtOnce))
      total += await time(run, Math.min(left, timesAtOnce))
    }
    return total
  }
  let count = 1
  let last = await batch(run, count)
  let done = count * operations
  /** Milliseconds of one call of `run` in the fastest batch that was about as long as a turn. */
  let fastest = Number.POSITIVE_INFINITY
  const begun = performance.now()
  const isCold = (): boolean => {
    const turns = (performance.now() - begun) / turnMs
    return turns < warming.turns || (done < warming.operations && turns < warming.mostTurns)
  }
  while (isCold()) {
    if (last < turnMs) count = Math.min(count * 2, Math.ceil((count * turnMs) / Math.max(last, 0.001)))
    last = await batch(run, count)
    if (last > turnMs / 2) fastest = Math.min(fastest, last / count)
    done += count * operations
  }
  // Not of the last batch, which may have been disturbed: with fewer calls in a turn, more of them find cold caches.
  const fitting = Math.max(1, Math.round(turnMs / Math.max(Math.min(fastest, last / count), 0.001)))
  const times = Math.min(fitting, count * 2)
  return {
    operations: times * operations,
    take: async () => {
      collectGarbage()
      // Entries that caches have dropped since the last turn.
      await batch(run, Math.ceil(times / 8))
      return ((await batch(run, times)) * 1000) / (times * operations)
    },
  }
}

/** The short-lived objects alone, and only where Node was started with `--expose-gc`. */
function collectGarbage(): void {
  globalThis.gc?.({ type: 'minor' })
}

/** Gives lists in another order at each call, and in the same orders at each run. */
function createShuffle(): <T>(values: Iterable<T>) => readonly T[] {
  let state = 1
  const next = (below: number) => {
    // the generator of Park and Miller
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  return (values) => {
    const list = [...values]
    for (let at = list.length - 1; at > 0; at--) {
      const other = next(at + 1)
      const [a, b] = [list[at], list[other]] as [(typeof list)[0], (typeof list)[0]]
      list[at] = b
      list[other] = a
    }
    return list
  }
}

async function timeSync(run: () => unknown, times: number): Promise<number> {
  const start = performance.now()
  for (let i = 0; i < times; i++) run()
  return performance.now() - start
}

async function timeAsync(run: () => unknown, times: number): Promise<number> {
  const start = performance.now()
  for (let i = 0; i < times; i++) await run()
  return performance.now() - start
}
