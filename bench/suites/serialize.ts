import { encodeContainer } from 'procura'
import { compressContainer, decodeDelegation, encodeContainerBytes, openContainer } from 'procura/token'
import { measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { timesTable } from '../harness/table.ts'
import { makeChain } from '../setup/chain.ts'

/** The cost of encoding tokens into bytes and text, and of decoding them. */
export const suite: Suite = {
  name: 'serialize',
  async run({ effort }) {
    const { calls, proofs, containers } = await makeChain(3, { callCount: 1 })
    const tokens = [...calls, ...proofs]
    const [container] = containers as [Uint8Array]
    const text = encodeContainer(tokens)
    const compressed = await compressContainer(tokens)
    const [proof] = proofs.map(({ bytes }) => bytes) as [Uint8Array]
    const measured = await measure(
      [
        { name: 'container as bytes', run: () => encodeContainerBytes(tokens) },
        { name: 'container as text', run: () => encodeContainer(tokens) },
        { name: 'container compressed', run: () => compressContainer(tokens) },
        { name: 'read one delegation', run: () => decodeDelegation(proof) },
        { name: 'read all, from bytes', run: () => openContainer(container) },
        { name: 'read all, from text', run: () => openContainer(text) },
        { name: 'read all, compressed', run: () => openContainer(compressed) },
      ],
      effort,
    )
    return { tables: [timesTable('Write and read containers: one call, three delegations', measured)], figures: {} }
  },
}
