/**
 * Cases that a store has to pass, for any test runner.
 *
 * @module
 */

import { ArgumentError } from '../errors.ts'
import {
  arrayOf,
  maybe,
  numberFrom,
  type OptionChecks,
  oneOfStrings,
  readOptions,
  withDefault,
} from '../support/options.ts'
import { type Clock, systemClock, type Timestamp } from '../time.ts'

/** One case of a conformance suite. */
export interface ConformanceCase {
  /** The requirement, and the behaviour that it requires. */
  readonly name: string
  /** Resolves when the store passes. Rejects with an Error that describes the fault. */
  run(): Promise<void>
}

/** A store over empty data, opened for one case. */
export interface OpenedStore<Store> {
  readonly store: Store
  /** Opens another handle on the same data, as a second process would. */
  another(): Promise<Store>
  /** Forgets entries that have expired. Absent if the store does this by itself. */
  prune?(): Promise<void>
  /** Makes the back end unreachable. Required unless {@link ConformanceOptions.without} contains `interrupt`. */
  interrupt?(): Promise<void>
  /** Makes the back end reachable again. */
  restore?(): Promise<void>
  /** Erases the data behind the store, as a failed machine does. Required unless `without` contains `erase`. */
  erase?(): Promise<void>
  /** Prepares erased data again, as its operator does. Absent if the store does this by itself. */
  prepareAgain?(): Promise<void>
  /** Closes every handle and removes the data. */
  close(): Promise<void>
}

/** Opens a store over empty data. */
export type OpenStore<Store> = (options: { readonly clock: Clock }) => Promise<OpenedStore<Store>>

/** A fault that a store without a back end cannot have. */
export type StoreFault = 'interrupt' | 'erase'

/** Options of a conformance suite. */
export interface ConformanceOptions {
  /** Faults that are left out, with their cases. Default: none. */
  readonly without?: readonly StoreFault[]
  /**
   * The time in seconds at which the clock of each case begins. Default: the present time.
   *
   * The cases move the clock up to ten years ahead. A store that compares with the clock of its server too forgets
   * nothing by a clock that is ahead. From a time twenty years ago, it forgets as it does in service: run the cases
   * from both times.
   */
  readonly start?: Timestamp
}

/** A clock that a case moves. */
export interface MovableClock extends Clock {
  advance(seconds: number): void
}

/** A clock that only the case moves, so that the time that a slow store takes does not count. */
function movableClock(start: Timestamp): MovableClock {
  let now = start
  return {
    now: () => now,
    advance(seconds) {
      now += seconds
    },
  }
}

/** The store and the functions that a case uses. */
export interface CaseContext<Store> {
  readonly store: Store
  another(): Promise<Store>
  prune(): Promise<void>
  interrupt(): Promise<void>
  restore(): Promise<void>
  erase(): Promise<void>
  prepareAgain(): Promise<void>
  readonly clock: MovableClock
  /** The time at the start of the case. */
  readonly start: Timestamp
}

/** A case before it has a store: its name, its steps, and the fault that it needs. */
export type CaseOf<Store> = readonly [
  name: string,
  task: (context: CaseContext<Store>) => Promise<void>,
  needs?: StoreFault,
]

const optionChecks = Object.freeze({
  without: withDefault(arrayOf(oneOfStrings('interrupt', 'erase')), []),
  start: maybe(numberFrom(0)),
}) satisfies OptionChecks<ConformanceOptions>

/** Makes the cases of a suite. Each opens its own store, and closes it whether it passes or not. */
export function casesFor<Store>(
  suite: string,
  cases: readonly CaseOf<Store>[],
  open: OpenStore<Store>,
  options: ConformanceOptions,
): readonly ConformanceCase[] {
  if (typeof open !== 'function') throw new ArgumentError(`${suite}: \`open\` must be a function`)
  const { without, start } = readOptions(suite, options, optionChecks)
  const wanted = cases.filter(([, , needs]) => needs === undefined || !without.includes(needs))
  return Object.freeze(
    wanted.map(([name, task]) => Object.freeze({ name, run: () => runCase(open, task, start ?? systemClock.now()) })),
  )
}

async function runCase<Store>(
  open: OpenStore<Store>,
  task: (context: CaseContext<Store>) => Promise<void>,
  start: Timestamp,
): Promise<void> {
  const clock = movableClock(start)
  const opened = await open({ clock })
  const need = (name: 'interrupt' | 'restore' | 'erase') => (): Promise<void> => {
    const method = opened[name]
    if (method === undefined) throw new Error(`\`open\` returned no \`${name}\`; see \`without\``)
    return method.call(opened)
  }
  try {
    await task({
      store: opened.store,
      another: () => opened.another(),
      prune: async () => opened.prune?.(),
      interrupt: need('interrupt'),
      restore: need('restore'),
      erase: need('erase'),
      prepareAgain: async () => opened.prepareAgain?.(),
      clock,
      start,
    })
  } finally {
    await opened.close()
  }
}

/** Rejects with a message unless a condition holds. */
export function assertThat(condition: boolean, message: string): void {
  if (!condition) throw new Error(message)
}

/**
 * Returns the answer of a store, or `rejected` if it throws or rejects. An answer that takes more than 10 s is an
 * error.
 */
export async function answerOf(ask: () => unknown): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the store did not answer within 10 s')), 10_000)
  })
  const answer = (async () => {
    try {
      return { value: await ask() }
    } catch {
      return { value: rejected }
    }
  })()
  try {
    return (await Promise.race([answer, late])).value
  } finally {
    clearTimeout(timer)
  }
}

/** The answer of a store that threw or rejected. */
export const rejected = 'rejected'

/** Asks until the store answers instead of rejecting, for 10 seconds at most. */
export async function answerWhenHealed(ask: () => unknown): Promise<unknown> {
  const end = performance.now() + 10_000
  for (;;) {
    const answer = await answerOf(ask)
    if (answer !== rejected || performance.now() > end) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Names that a careless store confuses with each other or with its own. */
export const oddNames: readonly string[] = Object.freeze([
  'a',
  'A',
  'a ',
  'a\0',
  'a\0b',
  '__proto__',
  'constructor',
  "'; DROP TABLE calls; --",
  '%',
  '_',
  '{a}',
  'a:b',
  'ä',
  'a\u0308',
  '\ud83d\ude00',
  'x'.repeat(1000),
  `${'x'.repeat(1000)}y`,
])
