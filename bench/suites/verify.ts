import { type Contender, type Measurement, measure } from '../harness/measure.ts'
import { costsOf } from '../harness/picture.ts'
import type { Suite, SuiteOptions, Table } from '../harness/suite.ts'
import { number, ratioOf, time } from '../harness/table.ts'
import { makeChain, manyChains } from '../setup/chain.ts'
import { decideByCid, decideStrangers, decideWarm, decideWarmAsync } from '../setup/deciders.ts'
import { loadPeers } from '../setup/peers.ts'
import { makeRaw, oneRaw, type Raw, rawVerification } from '../setup/raw.ts'
import { loadSodiumBackend } from '../setup/sodium-backend.ts'

const depths = [1, 3, 10, 20]

/** Depths at which peers are measured too: some take a tenth of a second for the longest chains. */
const peerDepths = new Set([1, 3, 10])

/** The depth of the picture of costs, and of the tokens that other libraries read. */
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

/** The measurements at one depth. The ratio of each is to the raw verification of its own list. */
interface Measured {
  readonly own: readonly Measurement[]
  /**
   * Other libraries, with two of our contenders once more. They are measured apart, because their garbage is collected
   * for long after their turn: beside it, the same warm decision took 2 to 15 percent more.
   */
  readonly others: readonly Measurement[]
}

async function measureDepth(depth: number, raw: Raw, options: SuiteOptions): Promise<Measured> {
  const { effort, peers, smoke } = options
  const chain = await makeChain(depth)
  const others = await manyChains(depth, chain.service, smoke ? 2 : 150)
  const base = { name: oneRaw, run: raw.verifyOne }
  const decideCold = (): Contender => ({ name: cold, run: decideStrangers(others) })
  const decideAgain = (): Contender => ({ name: warm, run: decideWarm(chain) })
  const own: Contender[] = [
    base,
    { name: verifications(depth), run: raw.verifyMany(depth + 1) },
    decideCold(),
    { name: coldKnownKeys, run: decideWarm(chain, { maxCachedDelegations: 0 }) },
    decideAgain(),
    { name: warmByCid, run: decideByCid(chain) },
    { name: warmAsync, run: decideWarmAsync(chain) },
  ]
  if (peers.has('sodium-native')) {
    const backend = await loadSodiumBackend()
    own.push({ name: rawSodium, run: await rawVerification(backend) })
    own.push({ name: coldSodium, run: decideStrangers(others, { backend }) })
    own.push({ name: warmSodium, run: decideWarm(chain, { backend }) })
  }
  const measured = await measure(own, effort)
  const libraries = peerDepths.has(depth) ? await peersAt(depth, peers) : []
  if (libraries.length === 0) return { own: measured, others: [] }
  return { own: measured, others: await measure([base, decideCold(), decideAgain(), ...libraries], effort) }
}

async function peersAt(depth: number, installed: SuiteOptions['peers']): Promise<readonly Contender[]> {
  const contenders: Contender[] = []
  for (const peer of await loadPeers(installed)) {
    const { cold, warm } = await peer.chain(depth)
    if (cold === warm) contenders.push({ name: peer.name, run: cold })
    else contenders.push({ name: `${peer.name}, cold`, run: cold }, { name: `${peer.name}, warm`, run: warm })
  }
  return contenders
}

function verifications(depth: number): string {
  return `the ${depth + 1} raw verifications needed`
}

function depthTable(depth: number, { own, others }: Measured): Table {
  const needed = ratioOf(own, verifications(depth))
  const libraries = others.filter(({ name }) => !own.some((one) => one.name === name))
  return {
    title: `Decide about a call, ${depth} ${depth === 1 ? 'delegation' : 'delegations'}`,
    columns: ['what', 'median', 'quartiles', '× one raw', `× ${depth + 1} raw`],
    rows: [...own, ...libraries].map(({ name, median, quartiles: [lower, upper], ratio }) => [
      name,
      time(median),
      `${time(lower)} – ${time(upper)}`,
      number(ratio),
      number(ratio / needed),
    ]),
    // Once: the same is true of the other tables.
    ...(libraries.length > 0 &&
      depth === depths[0] && {
        notes: [
          'Other libraries were measured in rounds of their own, with the raw verification and a cold and a warm decision among them: their ratios are those of these rounds.',
        ],
      }),
  }
}

function figuresOf(depth: number, measured: Measured): Record<string, number> {
  const of = (name: string) => ratioOf(measured.own, name)
  const beside = (library: string, name: string) => ratioOf(measured.others, library) / ratioOf(measured.others, name)
  const needed = of(verifications(depth))
  return {
    [`cold ${depth}`]: of(cold) / needed,
    [`cold, known keys ${depth}`]: of(coldKnownKeys) / needed,
    [`warm ${depth}`]: of(warm),
    [`warm, sodium ${depth}`]: of(warmSodium) / of(rawSodium),
    ...(depth === pictureDepth && costsOf(measured.own, measured.others)),
    [`warm / jose ${depth}`]: beside(warm, 'jose, one JWT'),
    [`ucanto / cold ${depth}`]: beside('ucanto', cold),
    [`ucanto / warm ${depth}`]: beside('ucanto', warm),
    [`iso-ucan / cold ${depth}`]: beside('iso-ucan, cold', cold),
    [`iso-ucan / warm ${depth}`]: beside('iso-ucan, warm', warm),
  }
}
