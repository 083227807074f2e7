import { createAuthorizer } from 'procura'
import { authorizeMany } from 'procura/authorization'
import { type Contender, measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { timesTable } from '../harness/table.ts'
import { cycle } from '../peers/peer.ts'
import { type Chain, makeChain, mustAllow, optionsFor } from '../setup/chain.ts'
import { decideWarm } from '../setup/deciders.ts'
import { makeRaw } from '../setup/raw.ts'

/** What a decision costs when many are asked for at once, as in a server under load: more than one core can serve. */
export const suite: Suite = {
  name: 'load',
  async run({ effort }) {
    const chain = await makeChain(3, { callCount: 256 })
    const contenders: Contender[] = [
      { name: 'one raw verification', run: makeRaw().verifyOne },
      { name: 'one at a time, synchronous', run: decideWarm(chain) },
      { name: 'a list of 256, authorizeMany', run: decideList(chain), operations: 256 },
      ...[1, 8, 64, 256].map((count) => ({
        name: `${count} at once`,
        run: decideTogether(chain, count),
        operations: count,
      })),
    ]
    return {
      tables: [timesTable('Decide, warm, depth 3, for each call', await measure(contenders, effort))],
      figures: {},
    }
  },
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
