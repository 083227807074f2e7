import { describe, expect, it } from 'vitest'
import { programOf, run } from '../setup/programs.ts'

const imports = `
import { createAuthorizer, delegate, encodeContainer, generateSigner, invoke, uncheckedCommands } from 'procura'
import { createVerificationPool } from 'procura/pool'
import { memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'
`

describe('the pool of the built package', () => {
  it('finds its threads, and does not keep a process that has nothing left to do', async () => {
    const program = `${imports}
const pool = await createVerificationPool({ threads: 2 })
const [owner, agent, service] = [await generateSigner(), await generateSigner(), await generateSigner()]
const proofs = [await delegate({ issuer: owner, audience: agent.did, command: '/mail' })]
const calls: string[] = []
for (let n = 0; n < 50; n++) {
  const call = await invoke({ issuer: agent, audience: service.did, command: '/mail/send', args: { n }, proofs })
  calls.push(encodeContainer([call, ...proofs]))
}
let asked = 0
const backend = { ...pool, verifyAsync: (...question: [never, Uint8Array, Uint8Array]) => {
  asked += 1
  return pool.verifyAsync?.(...question) ?? false
} }
const options = { audience: service.did, subjects: [owner.did], commands: uncheckedCommands }
const stores = { revocations: memoryRevocationStore(), replay: memoryReplayStore() }
const decisions = await createAuthorizer({ ...options, ...stores, backend: backend as typeof pool }).authorizeMany(calls)
console.log(pool.threads, decisions.filter(({ allowed }) => allowed).length, asked)
`
    expect(await run(programOf('pool-open', program))).toEqual(['2 50 49'])
  })

  it('keeps a process that waits for an answer', async () => {
    const program = `${imports}
import { parseDidKey } from 'procura/did'
const pool = await createVerificationPool({ threads: 1 })
const signer = await generateSigner()
const key = await pool.prepareKey(parseDidKey(signer.did))
const message = new Uint8Array(60_000)
const signature = await signer.sign(message)
console.log(await pool.verifyAsync?.(key, signature, message))
`
    expect(await run(programOf('pool-waiting', program))).toEqual(['true'])
  })
})
