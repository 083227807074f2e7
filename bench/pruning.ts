/**
 * `tsx --tsconfig bench/tsconfig.json bench/pruning.ts`: how long pruning keeps others waiting. The figures of
 * `spec/sizing.md` are from here.
 *
 * - `--entries <count>`: used calls that have not ended, and a tenth of it in revocations with their journal, limits
 *   and processed Security Event Tokens. Default 100,000.
 * - `--ended <count>`: entries of each kind that have ended. Default 10,000.
 * - `--store <name>`: that store alone; may be repeated. Servers are started, and skipped if they are not installed.
 *
 * A step is what keeps others waiting: a transaction in SQLite, a script in Redis, a statement in PostgreSQL. Of the
 * stores in memory, which are not pruned, it is a request after all entries have ended.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setup as build } from '../test/setup/build.ts'
import { quantile } from './harness/measure.ts'
import { number, printTable, time } from './harness/table.ts'
import type { OpenPrunedStores, PrunedStores } from './pruning/pruned-stores.ts'

const open: Readonly<Record<string, () => Promise<OpenPrunedStores>>> = {
  memory: async () => (await import('./pruning/memory.ts')).prunedMemory,
  sqlite: async () => (await import('./pruning/sqlite.ts')).prunedSqlite,
  redis: async () => (await import('./pruning/redis.ts')).prunedRedis,
  postgres: async () => (await import('./pruning/postgres.ts')).prunedPostgres,
}

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '100000' },
    ended: { type: 'string', default: '10000' },
    store: { type: 'string', multiple: true, default: Object.keys(open) },
  },
})
const [entries, ended] = [Number(values.entries), Number(values.ended)]
if (![entries, ended].every((count) => Number.isSafeInteger(count) && count >= 100))
  throw new Error('--entries and --ended must be integers >= 100')

build()
const rows: string[][] = []
for (const name of values.store) {
  const load = open[name]
  if (load === undefined) throw new Error(`--store must be one of ${Object.keys(open).join(', ')}`)
  const folder = mkdtempSync(join(tmpdir(), 'procura-pruning-'))
  const stores = await (await load())(folder, { entries, ended })
  try {
    if (stores === undefined) console.error(`${name} is not installed`)
    else await measureStores(name, stores)
  } finally {
    await stores?.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
console.log(
  printTable({
    title: `Pruning of ${number(ended)} entries of each kind, beside ${number(entries)} used calls and a tenth as many others`,
    columns: [
      'store',
      'kind',
      'steps',
      'forgotten a second',
      'median step',
      '99 of 100',
      'longest',
      'longest claim meanwhile',
    ],
    rows,
  }),
)

async function measureStores(name: string, stores: PrunedStores): Promise<void> {
  for (const { kind, prune } of stores.kinds) {
    await stores.takeSteps()
    const claims: number[] = []
    let isOver = false
    const claiming = (async () => {
      while (!isOver) {
        const start = performance.now()
        await stores.claim()
        claims.push(performance.now() - start)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })()
    const { forgotten, seconds } = await prune()
    isOver = true
    await claiming
    const steps = await stores.takeSteps()
    rows.push([
      name,
      kind,
      number(steps.length),
      number(forgotten / seconds),
      ...[0.5, 0.99, 1].map((share) => time(quantile(steps, share) * 1_000)),
      time(Math.max(...claims) * 1_000),
    ])
    console.error(rows.at(-1)?.join(' | '))
  }
}
