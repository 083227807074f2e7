/**
 * `tsx bench/billion.ts`: a model of 1,000,000,000 used calls on many servers, for the plan in `spec/sizing.md`. It
 * builds no store. It draws keys and times, and counts.
 *
 * - `--entries <count>`: Default 10,000,000, which takes seconds; a billion takes minutes.
 *
 * @module
 */

import { parseArgs } from 'node:util'
import { number, printTable } from './harness/table.ts'

const { values } = parseArgs({ options: { entries: { type: 'string', default: '10000000' } } })
const entries = Number(values.entries)
if (!Number.isSafeInteger(entries) || entries < 1_000) throw new Error('--entries must be an integer >= 1000')

/**
 * Random integers of 32 bits, the same in each run (xorshift128). Keys of calls are keyed hashes, which are as even.
 */
function createRandom(): () => number {
  let [a, b, c, d] = [123_456_789, 362_436_069, 521_288_629, 88_675_123]
  return () => {
    const mixed = a ^ (a << 11)
    ;[a, b, c] = [b, c, d]
    d = d ^ (d >>> 19) ^ mixed ^ (mixed >>> 8)
    return d >>> 0
  }
}

for (const table of [balance(), partitions(), resharding()]) console.log(`${printTable(table)}\n`)

/** How evenly keys are spread, by their first bits. */
function balance(): Parameters<typeof printTable>[0] {
  const random = createRandom()
  const finest = 1_024
  const counts = new Float64Array(finest)
  for (let done = 0; done < entries; done++) {
    const shard = random() & (finest - 1)
    counts[shard] = (counts[shard] as number) + 1
  }
  const rows = [16, 64, 256, finest].map((shards) => {
    const sums = Array.from({ length: shards }, (_, shard) =>
      counts.reduce((sum, count, at) => (at % shards === shard ? sum + count : sum), 0),
    )
    const mean = entries / shards
    return [
      number(shards),
      number(Math.round(mean)),
      `${number((Math.max(...sums) / mean - 1) * 100)} %`,
      `${number(100 / shards)} %`,
    ]
  })
  return {
    title: `${number(entries)} calls by the first bits of their keys`,
    columns: ['servers', 'entries each', 'more on the fullest', 'calls refused while one is down'],
    rows,
  }
}

/** The entries that are kept too long when whole partitions are dropped, in place of single rows. */
function partitions(): Parameters<typeof printTable>[0] {
  const rows = [15, 60, 300].map((seconds) => {
    const random = createRandom()
    let wanted = 0
    let kept = 0
    let most = 0
    const samples = Math.min(entries, 1_000_000)
    for (let done = 0; done < samples; done++) {
      const made = random() % 86_400
      // A lifetime of up to 300 seconds, and a clock tolerance of 60.
      const end = made + 1 + (random() % 300) + 60
      const dropped = (Math.floor(end / seconds) + 1) * seconds
      wanted += end - made
      kept += dropped - made
      most = Math.max(most, Math.floor(end / seconds) - Math.floor(made / seconds) + 1)
    }
    return [`${seconds} s`, number(most), `${number((kept / wanted - 1) * 100)} %`]
  })
  return {
    title: 'Partitions by expiration',
    columns: ['length of a partition', 'partitions in use', 'more entries than rows that are deleted one by one'],
    rows,
  }
}

/** Calls that are allowed twice while the number of servers doubles. */
function resharding(): Parameters<typeof printTable>[0] {
  const rules: readonly (readonly [string, number])[] = [
    ['the new servers alone', 0],
    ['both, for 60 s', 60],
    ['both, for the longest lifetime and tolerance (360 s)', 360],
  ]
  const rows = rules.map(([name, overlap]) => {
    const { twice, calls } = changeServers(overlap)
    return [name, number(calls), number(twice)]
  })
  return {
    title: 'Calls sent three times, while 4 servers become 8',
    columns: ['claims after the change go to', 'calls', 'allowed twice'],
    rows,
  }
}

function changeServers(overlap: number): { readonly twice: number; readonly calls: number } {
  const random = createRandom()
  const changeAt = 1_000
  const calls = Math.min(Math.floor(entries / 100), 200_000)
  const sent: { readonly at: number; readonly key: number; readonly shard: number }[] = []
  for (let key = 0; key < calls; key++) {
    const made = random() % 2_000
    const shard = random()
    for (let copy = 0; copy < 3; copy++) sent.push({ at: made + (random() % 360), key, shard })
  }
  sent.sort((one, other) => one.at - other.at)
  const servers = new Map<string, Set<number>>()
  /** Put-if-absent on one server. */
  const claim = (server: string, key: number): boolean => {
    const keys = servers.get(server) ?? new Set()
    servers.set(server, keys)
    const isFirst = !keys.has(key)
    keys.add(key)
    return isFirst
  }
  const allowed = new Map<number, number>()
  for (const { at, key, shard } of sent) {
    const before = `old ${shard % 4}`
    const after = `new ${shard % 8}`
    // The old server first: a claim that fails there needs no second one.
    const isFirst =
      at < changeAt ? claim(before, key) : (at >= changeAt + overlap || claim(before, key)) && claim(after, key)
    if (isFirst) allowed.set(key, (allowed.get(key) ?? 0) + 1)
  }
  return { twice: [...allowed.values()].filter((count) => count > 1).length, calls }
}
