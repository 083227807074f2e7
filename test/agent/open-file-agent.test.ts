import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openFileAgent } from '../../src/agent/open-file-agent.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { ArgumentError, StoreError, VaultError } from '../../src/errors.ts'
import { createSignerFile, openSignerFile } from '../../src/signers/file/signer-file.ts'
import { fileDelegationStore } from '../../src/stores/delegation-file/file-delegation-store.ts'
import { actor } from '../support/actors.ts'

const owner = await actor('owner')
const key = { bytes: new Uint8Array(32).fill(7) }
let folder: string
let grant: Delegation
const at = (name: string): string => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'procura-file-agent-'))
  const { did } = await createSignerFile({ path: at('agent.key') })
  await createSignerFile({ path: at('sealed.key'), key })
  grant = await delegate({ issuer: owner, audience: did, command: '/mail' })
  await writeFile(at('agent.ucan'), `${encodeContainer([grant])}\n`, { mode: 0o600 })
})
afterAll(() => rm(folder, { recursive: true }))

describe('an agent whose key and delegations are in files', () => {
  it('opens from paths, from the options of their openers, and from opened parts', async () => {
    const { signer } = await openSignerFile({ path: at('agent.key') })
    const [path, store] = [at('agent.ucan'), fileDelegationStore({ path: at('agent.ucan') })]
    for (const given of [
      { signer: at('agent.key'), store: path },
      { signer: { path: at('agent.key') }, store: { path, maxEntries: 5 } },
      { signer, store: path },
      { signer: at('agent.key'), store },
    ]) {
      const agent = await openFileAgent(given)
      expect(agent.did).toBe(signer.did)
      expect((await agent.can('/mail/send')).ok).toBe(true)
    }
    const { did } = await openFileAgent({ signer: { path: at('sealed.key'), key }, store: path })
    expect(did).not.toBe(signer.did)
  })

  it('stores what it receives, and passes the other options on', async () => {
    const store = at('new.ucan')
    const agent = await openFileAgent({ signer: at('agent.key'), store, ceilings: { depth: 1 } })
    expect((await agent.receive(`${encodeContainer([grant])}\r\n`)).accepted).toBe(true)
    expect(await readFile(store, 'utf8')).toBe(encodeContainer([grant]))
    await expect(agent.attenuateFor({ commands: ['/mail/send'] })).rejects.toThrow(/chains of at most 1 delegation/)
  })

  it('is refused with the name of the option or the file, and without a value', async () => {
    const [signer, store] = [at('agent.key'), at('agent.ucan')]
    const refused = (given: object) => expect(openFileAgent(given as never)).rejects
    for (const wrong of [undefined, '', 1, [signer], openSignerFile({ path: signer })]) {
      await refused({ signer: wrong, store }).toThrow(ArgumentError)
      await refused({ signer: wrong, store }).toThrow(/`signer` (?:must be the path|is a promise)/)
      await refused({ signer, store: wrong }).toThrow(/`store` (?:must be the path|is a promise)/)
    }
    await refused({ signer, store, delegations: [grant] }).toThrow(/openFileAgent has no option `delegations`/)
    await refused({ signer: { path: signer, kee: key }, store }).toThrow(/openSignerFile has no option `kee`/)
    await refused({ signer, store: { path: store, kee: key } }).toThrow(/fileDelegationStore has no option `kee`/)
    await refused({ signer: at('missing'), store }).toThrow(VaultError)
    await refused({ signer: at('sealed.key'), store }).toThrow(VaultError)
    await refused({ signer: store, store }).toThrow(VaultError)
    await chmod(store, 0o644)
    await refused({ signer, store }).toThrow(StoreError)
    await chmod(store, 0o600)
  })
})
