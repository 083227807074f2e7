import { encodeContainer } from 'procura'
import { compressContainer, encodeContainerBytes } from 'procura/token'
import type { Suite } from '../harness/suite.ts'
import { number } from '../harness/table.ts'
import { makeChain } from '../setup/chain.ts'
import { loadPeers } from '../setup/peers.ts'

const depths = [1, 3, 5, 10]

/** How many bytes travel with a call. */
export const suite: Suite = {
  name: 'wire',
  async run({ peers }) {
    const rows: string[][] = []
    const figures: Record<string, number> = {}
    const loaded = await loadPeers(peers)
    for (const depth of depths) {
      const { calls, proofs } = await makeChain(depth, { callCount: 1 })
      const tokens = [...calls, ...proofs]
      const plain = encodeContainerBytes(tokens).length
      const text = encodeContainer(tokens).length
      const compressedText = (await compressContainer(tokens)).length
      // the header byte, and base64url, which carries three bytes in four characters
      const compressed = 1 + Math.floor(((compressedText - 1) * 3) / 4)
      const call = encodeContainerBytes(calls).length
      rows.push([`${depth}`, ...[plain, text, compressed, compressedText, call].map(number)])
      if (depth === 3) Object.assign(figures, { 'wire plain': plain, 'wire compressed': compressed, 'wire call': call })
    }
    const peerRows: string[][] = []
    for (const peer of loaded) {
      const sizes: string[] = []
      for (const depth of depths) sizes.push(number((await peer.chain(depth)).bytes))
      peerRows.push([peer.name, ...sizes])
    }
    const tables = [
      {
        title: 'Bytes of a call and its delegations, two statements in each',
        columns: ['delegations', 'bytes', 'as text', 'compressed', 'compressed, as text', 'proofs by CID'],
        rows,
      },
    ]
    const peerTable = {
      title: 'Bytes that other libraries send, by depth',
      columns: ['what', ...depths.map((depth) => `${depth}`)],
      rows: peerRows,
      notes: [
        'biscuit and macaroon are bearer tokens: they do not identify their sender. jose is one JWT without a chain.',
      ],
    }
    return { tables: peerRows.length === 0 ? tables : [...tables, peerTable], figures }
  },
}
