import { type Contender, measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { ratioOf, timesTable } from '../harness/table.ts'
import { loadIsoUcan } from '../peers/iso-ucan.ts'
import { loadUcanto } from '../peers/ucanto.ts'
import { makeChain, manyChains } from '../setup/chain.ts'
import { decideStrangers, decideWarm } from '../setup/deciders.ts'

const depth = 3

/** Others of the same design with native verification put into them: what is left is not the arithmetic. */
export const suite: Suite = {
  name: 'patched',
  async run({ effort, peers, smoke }) {
    const chain = await makeChain(depth)
    const contenders: Contender[] = [
      { name: 'warm', run: decideWarm(chain) },
      { name: 'cold', run: decideStrangers(await manyChains(depth, chain.service, smoke ? 2 : 150)) },
    ]
    if (peers.has('@ucanto/validator')) {
      const { cold } = await (await loadUcanto({ native: true })).chain(depth)
      contenders.push({ name: 'ucanto, native verify', run: cold })
    }
    if (peers.has('iso-ucan')) {
      const native = await (await loadIsoUcan('native verify')).chain(depth)
      contenders.push({ name: 'iso-ucan, native verify, cold', run: native.cold })
      contenders.push({ name: 'iso-ucan, native verify, warm', run: native.warm })
      const memo = await (await loadIsoUcan('with its memo')).chain(depth)
      contenders.push({ name: 'iso-ucan with its memo, warm', run: memo.warm })
    }
    const measured = await measure(contenders, effort)
    const of = (name: string) => ratioOf(measured, name)
    const notes = [
      'The memo of iso-ucan keeps every signature that it has seen, of calls too, and never forgets: the 64 calls measured here are all known to it, and not even the signature of the call is verified.',
    ]
    return {
      tables: [timesTable('The same with native verification in other libraries, depth 3', measured, notes)],
      figures: {
        'patched ucanto / cold': of('ucanto, native verify') / of('cold'),
        'patched ucanto / warm': of('ucanto, native verify'),
        'patched iso-ucan / cold': of('iso-ucan, native verify, cold') / of('cold'),
        'patched iso-ucan / warm': of('iso-ucan, native verify, warm'),
      },
    }
  },
}
