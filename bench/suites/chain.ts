import { attenuate, delegate, generateSigner, type Signer } from 'procura'
import { type Contender, measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { timesTable } from '../harness/table.ts'
import { policy, send } from '../setup/chain.ts'
import { makeRaw } from '../setup/raw.ts'

/** The cost of building a chain: the first delegation, and each narrower one. */
export const suite: Suite = {
  name: 'chain',
  async run({ effort }) {
    const signers: Signer[] = []
    for (let i = 0; i <= 20; i++) signers.push(await generateSigner())
    const build = async (depth: number) => {
      const [owner, agent] = signers as [Signer, Signer]
      const terms = { command: send, policy }
      let last = await delegate({ issuer: owner, audience: agent.did, ...terms })
      for (let i = 1; i < depth; i++) {
        const audience = (signers[i + 1] as Signer).did
        last = await attenuate(last, { issuer: signers[i] as Signer, audience, ...terms })
      }
    }
    const contenders: Contender[] = [
      { name: 'raw signature', run: makeRaw().signOne },
      ...[1, 3, 10, 20].map((depth) => ({
        name: `depth ${depth}, per delegation`,
        run: () => build(depth),
        operations: depth,
      })),
    ]
    return { tables: [timesTable('Build a chain', await measure(contenders, effort))], figures: {} }
  },
}
