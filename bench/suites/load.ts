import { createAuthorizer } from 'procura'
import { authorizeMany } from 'procura/authorization'
import { backend } from 'procura/backend/node'
import { type Contender, measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { ratioOf, timesTable } from '../harness/table.ts'
import { cycle } from '../peers/peer.ts'
import { type Chain, makeChain, mustAllow, optionsFor } from '../setup/chain.ts'
import { decideWarm, decideWarmAsync } from '../setup/deciders.ts'
import { makeRaw } from '../setup/raw.ts'

const synchronous = 'one at a time, synchronous'
const awaited = 'one at a time, awaited'

/** The cost of a decision among many simultaneous ones, as in a server under load: more than one core can work. */
export const suite: Suite = {
  name: 'load',
  async run({ effort }) {
    const chain = await makeChain(3, { callCount: 256 })
    await mustVerifyWhereItShould(chain)
    const contenders: Contender[] = [
      { name: 'one raw verification', run: makeRaw().verifyOne },
      { name: synchronous, run: decideWarm(chain) },
      { name: awaited, run: decideWarmAsync(chain) },
      { name: 'a list of 256, authorizeMany', run: decideList(chain), operations: 256 },
      ...[1, 8, 64, 256].map((count) => ({
        name: `${count} at once`,
        run: decideTogether(chain, count),
        operations: count,
      })),
    ]
    const measured = await measure(contenders, effort)
    return {
      tables: [timesTable('Decide, warm, depth 3, for each call', measured)],
      figures: { 'async / sync': ratioOf(measured, awaited) / ratioOf(measured, synchronous) },
    }
  },
}

/**
 * Counts where signatures are verified. Fails unless awaited calls are verified in their turn, and bursts on threads.
 */
async function mustVerifyWhereItShould(chain: Chain): Promise<void> {
  let here = 0
  let onThreads = 0
  const counting: typeof backend = {
    ...backend,
    verify: (...args) => {
      here += 1
      return backend.verify(...args)
    },
    verifyAsync: (...args) => {
      onThreads += 1
      return backend.verifyAsync?.(...args) ?? Promise.reject(new Error('the back end has no threads'))
    },
  }
  const authorizer = createAuthorizer({ ...optionsFor(chain), backend: counting })
  mustAllow(authorizer.authorizeSync(chain.containers[0] as Uint8Array))
  const calls = chain.containers.slice(0, 64)
  here = 0
  for (const container of calls) mustAllow(await authorizer.authorize(container))
  mustBe([here, onThreads], [calls.length, 0], 'calls that are awaited')
  here = 0
  // After so many signatures in one turn, the next one goes to a thread.
  await new Promise((resolve) => setImmediate(resolve))
  const decisions = await Promise.all(calls.map((container) => authorizer.authorize(container)))
  decisions.forEach(mustAllow)
  mustBe([here, onThreads], [1, calls.length - 1], 'calls that arrive together')
}

function mustBe(counts: readonly number[], expected: readonly number[], what: string): void {
  if (`${counts}` !== `${expected}`) {
    throw new Error(`${what} were verified ${counts} times here and on threads, not ${expected}`)
  }
}

function decideTogether(chain: Chain, count: number): () => Promise<void> {
  const authorizer = createAuthorizer(optionsFor(chain))
  const next = cycle(chain.containers)
  return async () => {
    const decisions = await Promise.all(Array.from({ length: count }, () => authorizer.authorize(next())))
    decisions.forEach(mustAllow)
  }
}

function decideList(chain: Chain): () => Promise<void> {
  const authorizer = createAuthorizer(optionsFor(chain))
  return async () => (await authorizeMany(authorizer, chain.containers)).forEach(mustAllow)
}
