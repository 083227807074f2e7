import type { Table } from './suite.ts'
import { number } from './table.ts'

/** A way to make a call, and the figure with its microseconds. */
interface Way {
  readonly what: string
  readonly figure: string
}

const ways: readonly Way[] = [
  { what: 'sign the calls (agents)', figure: 'issue, µs' },
  { what: 'decide, delegations met before', figure: 'cost of warm: delegations met before, new call' },
  { what: 'decide, every chain new', figure: 'cost of cold: nobody met before' },
  { what: 'decide and record twice, audit log in memory', figure: 'guard, memory, µs' },
  { what: 'a server of node:http that decides', figure: 'http cpu, µs' },
  { what: 'the same with sodium-native', figure: 'http cpu, sodium, µs' },
  { what: 'a server of node:http that verifies one JWT by jose', figure: 'http cpu, jose, µs' },
]

const secondsOfDay = 86_400

/** The cost of a million calls a day, of the figures that were measured. */
export function millionTable(figures: Readonly<Record<string, number>>): Table {
  return {
    title: 'The cost of 1,000,000 calls a day',
    columns: ['what', 'seconds a day', 'of one core'],
    rows: ways
      // A million times a number of microseconds is that number of seconds.
      .map(({ what, figure }) => [what, figures[figure] ?? Number.NaN] as const)
      .filter(([, seconds]) => Number.isFinite(seconds))
      .map(([what, seconds]) => [what, `${number(seconds)} s`, `${number((seconds / secondsOfDay) * 100)} %`]),
    notes: [
      'Chains of three delegations. Computed from the tables below, whose times depend on the machine: for the servers the processor time of the server, for the others the elapsed time of one call after the other.',
    ],
  }
}
