import { getPublicKeyAsync, signAsync, utils, verifyAsync } from '@noble/ed25519'
import { backend as noble } from 'procura/backend/noble'
import { backend as web } from 'procura/backend/web'
import { measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { ratioOf, timesTable } from '../harness/table.ts'
import { makeChain } from '../setup/chain.ts'
import { decideColdAsync, decideWarmAsync } from '../setup/deciders.ts'

/** Without `node:crypto`: by WebCrypto, and by arithmetic in JavaScript if WebCrypto lacks Ed25519. */
export const suite: Suite = {
  name: 'portable',
  async run({ effort }) {
    const chain = await makeChain(3)
    const secretKey = utils.randomSecretKey()
    const publicKey = await getPublicKeyAsync(secretKey)
    const message = crypto.getRandomValues(new Uint8Array(400))
    const signature = await signAsync(message, secretKey)
    const verifyMany = (count: number) => async () => {
      for (let i = 0; i < count; i++) {
        if (!(await verifyAsync(signature, message, publicKey))) throw new Error('a good signature was refused')
      }
    }
    const measured = await measure(
      [
        { name: 'one verification by @noble/ed25519', run: verifyMany(1) },
        { name: 'the 4 needed', run: verifyMany(4) },
        { name: 'cold, noble', run: decideColdAsync(chain, { backend: noble }) },
        { name: 'warm, noble', run: decideWarmAsync(chain, { backend: noble }) },
        { name: 'cold, WebCrypto', run: decideColdAsync(chain, { backend: web }) },
        { name: 'warm, WebCrypto', run: decideWarmAsync(chain, { backend: web }) },
      ],
      effort,
    )
    return {
      tables: [timesTable('Without node:crypto, depth 3', measured)],
      figures: { 'portable cold 3': ratioOf(measured, 'cold, noble') / ratioOf(measured, 'the 4 needed') },
    }
  },
}
