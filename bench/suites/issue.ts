import { delegate, generateSigner, invoke } from 'procura'
import { type Contender, measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { ratioOf, timesTable } from '../harness/table.ts'
import { args, makeChain, policy, send } from '../setup/chain.ts'
import { loadPeers } from '../setup/peers.ts'
import { makeRaw } from '../setup/raw.ts'

/** The cost of signing a delegation or a call. */
export const suite: Suite = {
  name: 'issue',
  async run({ effort, peers }) {
    const issuer = await generateSigner()
    const audience = (await generateSigner()).did
    const { service, signers, proofs } = await makeChain(3, { callCount: 1 })
    const invoker = signers[3] ?? issuer
    const base = { name: 'raw signature', run: makeRaw().signOne }
    const own: Contender[] = [
      base,
      {
        name: 'delegate, two statements',
        run: () => delegate({ issuer, audience, command: send, policy, expiresIn: 600 }),
      },
      {
        name: 'invoke, three proofs',
        run: () => invoke({ issuer: invoker, audience: service.did, command: send, args, proofs }),
      },
    ]
    const libraries = (await loadPeers(peers)).map(({ name, issue }) => ({ name, run: issue }))
    const measured = await measure(own, effort)
    // Apart, as in the suite `verify`: the garbage of the others is collected for long after their turn.
    const [, ...others] = await measure([base, ...libraries], effort)
    return {
      tables: [timesTable('Issue one token', [...measured, ...others])],
      figures: {
        'issue delegation': ratioOf(measured, 'delegate, two statements'),
        'issue, µs': measured.find(({ name }) => name === 'invoke, three proofs')?.median ?? Number.NaN,
      },
    }
  },
}
