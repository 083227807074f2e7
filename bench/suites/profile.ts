import { Session } from 'node:inspector/promises'
import type { Suite, Table } from '../harness/suite.ts'
import { number } from '../harness/table.ts'
import { makeChain, manyChains } from '../setup/chain.ts'
import { decideStrangers, decideWarm } from '../setup/deciders.ts'

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
}

interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples?: readonly number[] | undefined
  readonly timeDeltas?: readonly number[] | undefined
}

/** Most functions in a table; what is below them is added up. */
const most = 14

/** Where the time of a decision goes: the share of each function in a profile of the processor, callees not counted. */
export const suite: Suite = {
  name: 'profile',
  async run({ smoke }) {
    const milliseconds = smoke ? 10 : 3_000
    const chain = await makeChain(3)
    const strangers = await manyChains(3, chain.service, smoke ? 2 : 500)
    return {
      tables: [
        await profileOf('Where the time of a warm decision goes, depth 3', decideWarm(chain), milliseconds),
        await profileOf('Where the time of a cold decision goes, depth 3', decideStrangers(strangers), milliseconds),
      ],
      figures: {},
    }
  },
}

async function profileOf(title: string, run: () => unknown, milliseconds: number): Promise<Table> {
  runFor(run, milliseconds / 3)
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 100 })
  await session.post('Profiler.start')
  runFor(run, milliseconds)
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  const shares = sharesOf(profile)
  const rest = shares.slice(most).reduce((sum, [, share]) => sum + share, 0)
  const rows = [...shares.slice(0, most), ['everything else', rest] as const]
  return {
    title,
    columns: ['function', 'share'],
    rows: rows.map(([name, share]) => [name, `${number(share * 100)} %`]),
  }
}

function runFor(run: () => unknown, milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end) run()
}

/** Each function's share of all samples, the largest first. */
function sharesOf({ nodes, samples = [], timeDeltas = [] }: Profile): readonly (readonly [string, number])[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const times = new Map<string, number>()
  let total = 0
  samples.forEach((id, at) => {
    const name = names.get(id) ?? ''
    const delta = timeDeltas[at] ?? 0
    times.set(name, (times.get(name) ?? 0) + delta)
    total += delta
  })
  return [...times].map(([name, time]) => [name, time / total] as const).sort((a, b) => b[1] - a[1])
}

/** Functions of Node and of its native half are marked as such; unnamed ones are recognized by their file. */
function nameOf({ functionName, url }: ProfileNode['callFrame']): string {
  if (functionName.startsWith('(')) return functionName
  if (url === '') return functionName === '' ? 'native' : `native ${functionName}`
  const name = functionName === '' ? `in ${url.split('/').at(-1)}` : functionName
  return url.startsWith('node:') ? `${name} (${url})` : name
}
