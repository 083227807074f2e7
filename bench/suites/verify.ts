import { type Contender, type Measurement, measure } from '../harness/measure.ts'
import { costPrefix } from '../harness/picture.ts'
import type { Suite, SuiteOptions, Table } from '../harness/suite.ts'
import { number, ratioOf, time } from '../harness/table.ts'
import { makeChain, manyChains } from '../setup/chain.ts'
import { decideByCid, decideStrangers, decideWarm, decideWarmAsync } from '../setup/deciders.ts'
import { loadPeers } from '../setup/peers.ts'
import { makeRaw, type Raw, rawVerification } from '../setup/raw.ts'
import { loadSodiumBackend } from '../setup/sodium-backend.ts'

const depths = [1, 2, 3, 5, 10, 16, 20]

/** Depths at which peers are measured too: some take a tenth of a second for the longest chains. */
const peerDepths = new Set([1, 3, 10])

/** The depth of the picture of costs. */
const pictureDepth = 3

const cold = 'cold: nobody met before'
const coldKnownKeys = 'cold, keys met before'
const warm = 'warm: delegations met before, new call'
const warmAsync = 'warm, asynchronous'
const warmByCid = 'warm, proofs by CID alone'
const warmSodium = 'warm, sodium-native'
const rawSodium = 'one raw verification, sodium-native'
const coldSodium = 'cold, sodium-native'

/** The cost of a decision about a call, by the length of its chain: the main question of these benchmarks. */
export const suite: Suite = {
  name: 'verify',
  async run(options) {
    const raw = makeRaw()
    const tables: Table[] = []
    const figures: Record<string, number> = {}
    for (const depth of depths) {
      const measured = await measureDepth(depth, raw, options)
      tables.push(depthTable(depth, measured))
      Object.assign(figures, figuresOf(depth, measured))
    }
    return { tables, figures }
  },
}

async function measureDepth(depth: number, raw: Raw, options: SuiteOptions): Promise<readonly Measurement[]> {
  const { effort, peers, smoke } = options
  const chain = await makeChain(depth)
  const others = await manyChains(depth, chain.service, smoke ? 2 : 150)
  const contenders: Contender[] = [
    { name: 'one raw verification', run: raw.verifyOne },
    { name: `the ${depth + 1} raw verifications needed`, run: raw.verifyMany(depth + 1) },
    { name: cold, run: decideStrangers(others) },
    { name: coldKnownKeys, run: decideWarm(chain, { maxCachedDelegations: 0 }) },
    { name: warm, run: decideWarm(chain) },
    { name: warmByCid, run: decideByCid(chain) },
    { name: warmAsync, run: decideWarmAsync(chain) },
  ]
  if (peers.has('sodium-native')) {
    const backend = await loadSodiumBackend()
    contenders.push({ name: rawSodium, run: await rawVerification(backend) })
    contenders.push({ name: coldSodium, run: decideStrangers(others, { backend }) })
    contenders.push({ name: warmSodium, run: decideWarm(chain, { backend }) })
  }
  if (peerDepths.has(depth)) {
    for (const peer of await loadPeers(peers)) {
      const { cold, warm } = await peer.chain(depth)
      if (cold === warm) contenders.push({ name: peer.name, run: cold })
      else contenders.push({ name: `${peer.name}, cold`, run: cold }, { name: `${peer.name}, warm`, run: warm })
    }
  }
  return measure(contenders, effort)
}

function depthTable(depth: number, measured: readonly Measurement[]): Table {
  const [, needed] = measured as [Measurement, Measurement]
  return {
    title: `Decide about a call, ${depth} ${depth === 1 ? 'delegation' : 'delegations'}`,
    columns: ['what', 'median', 'quartiles', '× one raw', `× ${depth + 1} raw`],
    rows: measured.map(({ name, median, quartiles: [lower, upper], ratio }) => [
      name,
      time(median),
      `${time(lower)} – ${time(upper)}`,
      number(ratio),
      number(ratio / needed.ratio),
    ]),
  }
}

/** Microseconds by name, for the picture. Peers that verify no chain are beside the others, and the picture names them. */
function costsOf(measured: readonly Measurement[]): Record<string, number> {
  const costs: Record<string, number> = {}
  for (const { name, median } of measured) costs[`${costPrefix}${name}`] = median
  return costs
}

function figuresOf(depth: number, measured: readonly Measurement[]): Record<string, number> {
  const of = (name: string) => ratioOf(measured, name)
  const needed = of(`the ${depth + 1} raw verifications needed`)
  return {
    [`cold ${depth}`]: of(cold) / needed,
    [`cold, known keys ${depth}`]: of(coldKnownKeys) / needed,
    [`warm ${depth}`]: of(warm),
    [`warm, sodium ${depth}`]: of(warmSodium) / of(rawSodium),
    ...(depth === pictureDepth && costsOf(measured)),
    [`warm / jose ${depth}`]: of(warm) / of('jose, one JWT'),
    [`ucanto / cold ${depth}`]: of('ucanto') / of(cold),
    [`ucanto / warm ${depth}`]: of('ucanto') / of(warm),
    [`iso-ucan / cold ${depth}`]: of('iso-ucan, cold') / of(cold),
    [`iso-ucan / warm ${depth}`]: of('iso-ucan, warm') / of(warm),
  }
}
