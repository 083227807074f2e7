import { writeFileSync } from 'node:fs'
import type { Machine } from './machine.ts'
import type { Table } from './suite.ts'
import { pageTable } from './table.ts'

/** All that a run measured. */
export interface Results {
  readonly machine: Machine
  readonly targets: Table
  /** The tables of the second page. */
  readonly tables: readonly Table[]
}

/**
 * Writes two pages into a folder: `RESULTS.md`, one screen with a ratio for each claim, and `tables.md`, with the times
 * of this run.
 */
export function writeResults(folder: string, { machine, targets, tables }: Results): void {
  const { date, processor, cores, memoryGiB, system, node } = machine
  const met = targets.rows.filter(([, , , standing]) => standing === 'met').length
  const results = [
    '# Results',
    `${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node.js ${node}; ${date} UTC. ${met} of ${targets.rows.length} targets are met.`,
    pageTable({ ...targets, title: '' }),
    '*Cold* is a call by principals that are new to the service, *warm* a new call on delegations that it has verified before; each has three delegations, and every check of a service. A verification and a signature are Ed25519 by `node:crypto`. jose verifies one JWT, which has no chain. ucanto and iso-ucan decide about the same chain. supergateway decides and records nothing. A ratio is the median over rounds in which both have a turn; it depends on the processor less than a time does.',
    '![The time to decide about one call, beside other libraries](cost-per-call.svg)',
    '`npm ci && npm run bench` repeats it in half an hour on two idle cores; `-- --write` writes this page, and `bench/tables.md` with all times.',
  ]
  write(`${folder}/RESULTS.md`, results)
  write(`${folder}/tables.md`, [
    '# Tables',
    'Written by `npm run bench -- --write`, beside [the results](RESULTS.md). Times depend on the machine; ratios are between turns of the same round.',
    ...tables.map(pageTable),
  ])
}

function write(path: string, parts: readonly string[]): void {
  writeFileSync(path, `${parts.map((part) => part.trim()).join('\n\n')}\n`)
}
