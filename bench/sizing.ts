/**
 * `tsx --tsconfig bench/tsconfig.json bench/sizing.ts`: the size of each store, and its times as it grows. The figures
 * of `spec/sizing.md` are from here.
 *
 * - `--entries <count>`: used calls, and a tenth of it in revocations. Default 10,000; a hundredth and a tenth are
 *   measured too.
 * - `--store <name>`: that store alone; may be repeated. Servers are started, and skipped if they are not installed.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { setup as build } from '../test/setup/build.ts'
import { number, printTable, time } from './harness/table.ts'
import { delegationName } from './setup/delegation-name.ts'
import type { SizedStores } from './sizing/sized-stores.ts'

const open = {
  memory: async () => (await import('./sizing/memory.ts')).sizedMemory,
  sqlite: async () => (await import('./sizing/sqlite.ts')).sizedSqlite,
  redis: async () => (await import('./sizing/redis.ts')).sizedRedis,
  postgres: async () => (await import('./sizing/postgres.ts')).sizedPostgres,
}

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '10000' },
    store: { type: 'string', multiple: true, default: Object.keys(open) },
  },
})
const most = Number(values.entries)
if (!Number.isSafeInteger(most) || most < 100) throw new Error('--entries must be an integer >= 100')

build()
const rows: string[][] = []
/** Calls of this run, so that each has a name of its own. */
let serial = 0
const round = Date.now().toString(36)
for (const name of values.store) {
  const load = open[name as keyof typeof open]
  if (load === undefined) throw new Error(`--store must be one of ${Object.keys(open).join(', ')}`)
  const folder = mkdtempSync(join(tmpdir(), 'procura-sizing-'))
  const stores = await (await load())(folder, most)
  try {
    if (stores === undefined) console.error(`${name} is not installed`)
    else await measureStore(name, stores)
  } finally {
    await stores?.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
console.log(
  printTable({
    title: 'Stores as they grow',
    columns: [
      'store',
      'used calls',
      'bytes each',
      'bytes a revocation',
      'claim',
      'claim, 64 at a time',
      'look-up of 7',
      'forgotten a second',
      'longest turn meanwhile',
    ],
    rows,
  }),
)

/** Measures a store at three sizes, and adds a row for each. */
async function measureStore(name: string, stores: SizedStores): Promise<void> {
  const empty = await stores.bytes()
  let filled = 0
  let revoked = 0
  let perRevocation = Number.NaN
  for (const size of [most / 100, most / 10, most]) {
    const revocations = Math.floor(size / 10)
    if (stores.fillRevocations !== undefined) {
      const before = await stores.bytes()
      await stores.fillRevocations(revocations - revoked)
      perRevocation = ((await stores.bytes()) - before) / (revocations - revoked)
      revoked = revocations
    }
    const before = await stores.bytes()
    await stores.fillCalls(size - filled, now() + 86_400)
    const perCall = ((await stores.bytes()) - before) / (size - filled)
    filled = size
    const alone = await perClaim(stores, 500, 1)
    const together = await perClaim(stores, 8_000, 64)
    const lookUp = await perLookUp(stores, 500)
    const pruned = await forgetting(stores, size)
    rows.push([
      name,
      number(size),
      number(perCall),
      number(perRevocation),
      time(alone),
      time(together),
      time(lookUp),
      number(pruned.perSecond),
      time(pruned.longestTurn),
    ])
    console.error(rows.at(-1)?.join(' | '))
  }
  console.error(`${name}: ${number(((await stores.bytes()) - empty) / 2 ** 20)} MiB`)
}

function now(): number {
  return Math.floor(Date.now() / 1000)
}

/** A name of the form of a hash in base64url, a new one each time. */
function nextCall(): string {
  serial += 1
  return `${serial}_${round}_`.padEnd(43, 'abcdefghijklmnopqrstuvwxyz')
}

/** Microseconds for a claim. */
async function perClaim(stores: SizedStores, count: number, atATime: number): Promise<number> {
  const end = now() + 3_600
  const start = performance.now()
  for (let done = 0; done < count; done += atATime) {
    const claims = Array.from({ length: atATime }, () => stores.replay.claim(nextCall(), end, {}))
    if (!(await Promise.all(claims)).every((first) => first)) throw new Error('a new call was refused')
  }
  return ((performance.now() - start) * 1_000) / count
}

/** Microseconds for the look-up of a chain of three delegations and four principals, none of them revoked. */
async function perLookUp(stores: SizedStores, count: number): Promise<number> {
  const ids = Array.from({ length: 7 }, (_, at) => delegationName(2 ** 40 + at))
  const start = performance.now()
  for (let done = 0; done < count; done++) {
    if ((await stores.revocations.findRevocations(ids, {})).length > 0) throw new Error('nothing of it is revoked')
  }
  return ((performance.now() - start) * 1_000) / count
}

interface Forgetting {
  readonly perSecond: number
  /** The longest time in which the event loop did not turn, in microseconds. */
  readonly longestTurn: number
}

/** Adds a tenth of expired calls, and measures how they are forgotten. */
async function forgetting(stores: SizedStores, size: number): Promise<Forgetting> {
  const { prune } = stores
  if (prune === undefined) return { perSecond: Number.NaN, longestTurn: Number.NaN }
  const expired = Math.min(Math.floor(size / 10), 200_000)
  await stores.fillCalls(expired, now() - 3_600)
  const turns = monitorEventLoopDelay({ resolution: 1 })
  turns.enable()
  const start = performance.now()
  await prune()
  const milliseconds = performance.now() - start
  turns.disable()
  return { perSecond: (expired * 1_000) / milliseconds, longestTurn: turns.max / 1_000 }
}
