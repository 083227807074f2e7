import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { root } from '../setup/entries.ts'

/** Runs a program as a user of the package would, without the test runner and its resolving. */
async function run(program: string): Promise<string> {
  const parameters = ['--input-type=module', '--eval', program]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, parameters, { cwd: root })
  return (stdout + stderr).trimEnd()
}

describe('the pool of the built package', () => {
  it('decides about a list of calls as documented, and lets the process end', async () => {
    const program = `
      import { createAuthorizer, defineCommand, delegate, encodeContainer, generateSigner, invoke } from 'procura'
      import { authorizeMany } from 'procura/authorization'
      import { createVerificationPool } from 'procura/pool'
      import { memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'

      const [owner, agent, service] = [await generateSigner(), await generateSigner(), await generateSigner()]
      const send = defineCommand({ command: '/mail/send', args: {} })
      const proofs = [await delegate({ issuer: owner, audience: agent.did, command: '/mail' })]
      const calls = []
      for (let n = 0; n < 50; n++) {
        const call = await invoke({ issuer: agent, audience: service.did, command: '/mail/send', args: {}, proofs })
        calls.push(encodeContainer([call, ...proofs]))
      }
      const pool = await createVerificationPool({ threads: 2 })
      const authorizer = createAuthorizer({
        audience: service.did,
        subjects: [owner.did],
        commands: [send],
        revocations: memoryRevocationStore(),
        replay: memoryReplayStore(),
        backend: pool,
      })
      const decisions = await authorizeMany(authorizer, calls)
      console.log(pool.threads, decisions.filter(({ allowed }) => allowed).length)
    `
    expect(await run(program)).toBe('2 50')
  })

  it('keeps a process that waits for an answer', async () => {
    const program = `
      import { generateSigner } from 'procura'
      import { parseDidKey } from 'procura/did'
      import { authorizeMany } from 'procura/authorization'
      import { createVerificationPool } from 'procura/pool'

      const pool = await createVerificationPool({ threads: 1 })
      const signer = await generateSigner()
      const key = await pool.prepareKey(parseDidKey(signer.did))
      const message = new Uint8Array(60_000)
      console.log(await pool.verifyAsync(key, await signer.sign(message), message))
    `
    expect(await run(program)).toBe('true')
  })

  it('takes the program of its threads from where a bundler put it', async () => {
    const program = `
      import { authorizeMany } from 'procura/authorization'
      import { createVerificationPool } from 'procura/pool'

      const pool = await createVerificationPool({ threads: 1, script: import.meta.resolve('procura/pool/thread') })
      console.log(pool.threads)
      await pool.close()
      console.log(pool.threads)
    `
    expect(await run(program)).toBe('1\n0')
  })
})
