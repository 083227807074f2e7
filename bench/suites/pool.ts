import { availableParallelism } from 'node:os'
import { createAuthorizer } from 'procura'
import { authorizeMany } from 'procura/authorization'
import { backend as noble } from 'procura/backend/noble'
import { createVerificationPool } from 'procura/pool'
import { type Contender, measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { timesTable } from '../harness/table.ts'
import { type Chain, makeChain, mustAllow, optionsFor } from '../setup/chain.ts'
import { loadSodiumBackend } from '../setup/sodium-backend.ts'

type Backend = NonNullable<Parameters<typeof createAuthorizer>[0]['backend']>

/** Most calls of a list that are decided at a time: enough that every thread has its next batch. */
const concurrency = 256

/** The effect of a pool of threads on a list of calls, beside the threads of the host, and beside one thread. */
export const suite: Suite = {
  name: 'pool',
  async run({ effort, smoke }) {
    const chain = await makeChain(3, { callCount: smoke ? 16 : 256 })
    const threads = numbersOfThreads(smoke ? 1 : availableParallelism())
    const contenders: Contender[] = [decideList('node', 'the threads of the host', chain)]
    contenders.push(...(await decideByPools('node', 'node', threads, chain)))
    contenders.push(decideList('sodium', 'one thread', chain, await loadSodiumBackend()))
    const sodium = { sodium: import.meta.resolve('sodium-native') }
    contenders.push(...(await decideByPools('sodium', sodium, threads, chain)))
    const few = { ...chain, containers: chain.containers.slice(0, 64) }
    const portable = [decideList('noble', 'one thread', few, noble)]
    portable.push(...(await decideByPools('noble', 'noble', threads, few)))
    return {
      tables: [
        timesTable('A list of 256 calls, warm, depth 3, for each call', await measure(contenders, effort), [note]),
        timesTable(
          'The same for 64 calls, with the portable back end',
          await measure(portable, { ...effort, rounds: Math.min(effort.rounds, 15) }),
        ),
      ],
      figures: {},
    }
  },
}

const note =
  'The calling thread reads the calls beside those of a pool, so that it shares the cores with them when there are as many.'

/** 1, 2, 4, … and as many as there are cores. */
function numbersOfThreads(most: number): readonly number[] {
  const powers = Array.from({ length: 9 }, (_, at) => 2 ** at).filter((count) => count < most)
  return [...powers, most]
}

async function decideByPools(
  name: string,
  backend: NonNullable<NonNullable<Parameters<typeof createVerificationPool>[0]>['backend']>,
  threads: readonly number[],
  chain: Chain,
): Promise<readonly Contender[]> {
  const pools = await Promise.all(threads.map((threads) => createVerificationPool({ threads, backend })))
  return pools.map((pool) => decideList(name, `a pool of ${pool.threads}`, chain, pool))
}

function decideList(name: string, where: string, chain: Chain, backend?: Backend): Contender {
  const authorizer = createAuthorizer({ ...optionsFor(chain), ...(backend === undefined ? {} : { backend }) })
  return {
    name: `${name}, ${where}`,
    run: async () => (await authorizeMany(authorizer, chain.containers, { concurrency })).forEach(mustAllow),
    operations: chain.containers.length,
  }
}
