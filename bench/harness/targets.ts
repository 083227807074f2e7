import type { Table } from './suite.ts'
import { number } from './table.ts'

/** A claim: a ratio of two measurements of the same run, and its bound. */
export interface Target {
  /** Both measurements in words, with a slash between them. */
  readonly claim: string
  /** Name of the figure. */
  readonly figure: string
  /** The most it may be, or with `atLeast` the least. */
  readonly bound: number
  readonly atLeast?: true
}

/** Every target. Chains have three delegations where nothing else is said. */
export const targets: readonly Target[] = [
  { claim: 'cold decision / its 4 verifications', figure: 'cold 3', bound: 1.28 },
  { claim: 'the same with known keys', figure: 'cold, known keys 3', bound: 1.12 },
  { claim: 'warm decision / its 1 verification', figure: 'warm 3', bound: 1.15 },
  { claim: 'the same, 20 delegations', figure: 'warm 20', bound: 1.28 },
  { claim: 'the same, both by sodium-native', figure: 'warm, sodium 3', bound: 1.3 },
  { claim: 'cold decision / its 4 verifications, by noble', figure: 'portable cold 3', bound: 1.05 },
  { claim: 'warm, 1,000,000 revocations / none', figure: 'growth revocations', bound: 1.1 },
  { claim: 'warm, 1,000,000 cached delegations / few', figure: 'growth cache', bound: 1.1 },
  { claim: '`guard.use`, log in memory / decision alone', figure: 'guard, memory / authorize', bound: 1.25 },
  { claim: 'log in files, 64 calls: main thread / 1 verification', figure: 'sinks, jsonl main / raw', bound: 0.6 },
  {
    claim: 'log in SQLite, events a second: 64 calls at once / 1',
    figure: 'sinks, sqlite 64 / 1',
    bound: 5,
    atLeast: true,
  },
  { claim: 'refuse a structural fault / 1 verification', figure: 'refuse structure', bound: 0.22 },
  { claim: 'refuse a false call / 1 verification', figure: 'refuse invocation', bound: 1.4 },
  { claim: 'refuse a false proof / verifications up to it', figure: 'refuse proof', bound: 1.15 },
  { claim: 'worst request of 64 KiB / 1 verification', figure: 'hostile / raw', bound: 115 },
  { claim: 'issue a delegation / 1 signature', figure: 'issue delegation', bound: 1.4 },
  { claim: 'policy of 2 statements / written by hand', figure: 'policy 2 / by hand', bound: 2.6 },
  { claim: 'warm decision / one JWT by jose', figure: 'warm / jose 3', bound: 0.65 },
  { claim: 'requests a second over HTTP / jose', figure: 'http throughput / jose', bound: 0.9, atLeast: true },
  { claim: 'server CPU of a request over HTTP / jose', figure: 'http cpu / jose', bound: 1.1 },
  { claim: 'the same with sodium-native', figure: 'http cpu, sodium / jose', bound: 0.72 },
  { claim: 'requests a second over HTTP / ucanto', figure: 'http throughput / ucanto', bound: 50, atLeast: true },
  { claim: 'import / import of jose', figure: 'import / jose', bound: 1 },
  { claim: 'ucanto / cold decision', figure: 'ucanto / cold 3', bound: 11, atLeast: true },
  { claim: 'ucanto / warm decision', figure: 'ucanto / warm 3', bound: 45, atLeast: true },
  { claim: 'iso-ucan / cold decision', figure: 'iso-ucan / cold 3', bound: 11, atLeast: true },
  { claim: 'iso-ucan / warm decision', figure: 'iso-ucan / warm 3', bound: 45, atLeast: true },
  {
    claim: 'iso-ucan with native verify / cold decision',
    figure: 'patched iso-ucan / cold',
    bound: 1.5,
    atLeast: true,
  },
  { claim: 'gateway, added to a call / supergateway', figure: 'mcp call / supergateway', bound: 1.3 },
  {
    claim: 'gateway, calls a second / supergateway',
    figure: 'mcp calls a second / supergateway',
    bound: 1.6,
    atLeast: true,
  },
  { claim: 'start of `procura connect` / bare node', figure: 'mcp start / bare node', bound: 1.6 },
]

/** Whether a figure reaches its target. */
export type Standing = 'met' | 'not met' | 'not measured'

/** Compares one figure with its target. There is no margin. */
export function standingOf({ figure, bound, atLeast }: Target, figures: Readonly<Record<string, number>>): Standing {
  const value = figures[figure]
  if (value === undefined || !Number.isFinite(value)) return 'not measured'
  return (atLeast ? value >= bound : value <= bound) ? 'met' : 'not met'
}

/**
 * The targets for which a check fails.
 *
 * @param isWhole - whether all suites ran: then a figure that was not measured fails too.
 */
export function failedTargets(figures: Readonly<Record<string, number>>, isWhole: boolean): readonly Target[] {
  const failing: readonly Standing[] = isWhole ? ['not met', 'not measured'] : ['not met']
  return targets.filter((target) => failing.includes(standingOf(target, figures)))
}

/** The targets of the suites that ran, with their measurements. */
export function targetsTable(figures: Readonly<Record<string, number>>): Table {
  const measured = targets.filter(({ figure }) => Object.hasOwn(figures, figure))
  return {
    title: 'Targets',
    columns: ['claim', 'ratio', 'target', ''],
    rows: measured.map((target) => [
      target.claim,
      number(figures[target.figure] as number),
      `${target.atLeast ? '≥' : '≤'} ${number(target.bound)}`,
      standingOf(target, figures),
    ]),
  }
}
