/**
 * A program overwrites the bytes of a key as soon as it has passed them on. Files that are written later are encrypted
 * with the key, and not with zeros.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openFileAgent } from '../../src/agent/open-file-agent.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { on } from '../../src/service/on.ts'
import { openFileService } from '../../src/service/open-file-service.ts'
import { createSignerFile, openSignerFile, rotateSignerFile } from '../../src/signers/file/signer-file.ts'
import { fileDelegationStore } from '../../src/stores/delegation-file/file-delegation-store.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { revealCredentials } from '../../src/vault/stores/file/reveal.ts'
import { actor, now } from '../support/actors.ts'
import { delegateRaw } from '../support/service.ts'

const [alice, bob] = await Promise.all([actor('alice'), actor('bob')])
const folder = mkdtempSync(join(tmpdir(), 'procura-keys-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('the bytes of a key are copied, so that a program can overwrite its own at once', () => {
  const secret = (): Uint8Array => new Uint8Array(32).fill(7)
  const path = (name: string): string => join(folder, name)

  /** Calls a function with a key that is overwritten before the function has done its work. */
  async function overwritten<T>(task: (key: { bytes: Uint8Array }) => T | Promise<T>): Promise<T> {
    const bytes = secret()
    const work = task({ bytes })
    bytes.fill(0)
    return work
  }

  it('of a signer file', async () => {
    const { signer } = await overwritten((key) => createSignerFile({ path: path('signer'), key }))
    await expect(openSignerFile({ path: path('signer'), key: { bytes: new Uint8Array(32) } })).rejects.toThrow()
    const { signer: opened } = await overwritten((key) => openSignerFile({ path: path('signer'), key }))
    expect(opened.did).toBe(signer.did)
    await overwritten((key) => rotateSignerFile({ path: path('signer'), key }))
    expect((await openSignerFile({ path: path('signer'), key: { bytes: secret() } })).previous).toHaveLength(1)
  })

  it('of a vault, also when its key is changed', async () => {
    const rules = { origins: ['https://api.example.com'], processor: bearer() }
    const vault = await overwritten((key) => openFileVault({ path: path('vault'), key, create: true }))
    await vault.put('mail', { secret: 'canary-7', ...rules })
    const revealed = async (): Promise<readonly string[]> => {
      const whole = await revealCredentials({ path: path('vault'), key: { bytes: secret() } })
      const found = await overwritten((key) => revealCredentials({ path: path('vault'), key }))
      return [...whole.values(), ...found.values()].map((one) => one.reveal())
    }
    expect(await revealed()).toEqual(['canary-7', 'canary-7'])
    await vault.changeKey({ passphrase: 'correct horse' })
    await overwritten((key) => vault.changeKey(key))
    expect(await revealed()).toEqual(['canary-7', 'canary-7'])
  })

  it('of a file of delegations, which is written later', async () => {
    const { cid, bytes } = await delegateRaw(alice, bob)
    const store = await overwritten((key) => fileDelegationStore({ path: path('sealed'), key }))
    await store.change({ add: new Map([[String(cid), bytes]]), remove: [] }, {})
    expect(await fileDelegationStore({ path: path('sealed'), key: { bytes: secret() } }).load({})).toEqual([bytes])
  })

  it('of a service and an agent in files', async () => {
    const file = { path: path('both'), key: { bytes: secret() } }
    await createSignerFile(file)
    const keys = [1, 2].map(secret) as [Uint8Array, Uint8Array]
    const opening = openFileService({
      signer: { path: file.path, key: { bytes: keys[0] } },
      vault: { path: path('service-vault'), key: { bytes: keys[1] }, create: true },
      subjects: [alice.did],
      handlers: [on(defineCommand({ command: '/mail/send', args: {} }), () => 1)],
      audit: { sink: memoryAuditSink() },
      ...memoryStores(),
    })
    for (const key of keys) key.fill(0)
    await (await opening).close()
    expect(await revealCredentials({ path: path('service-vault'), key: file.key })).toEqual(new Map())
    const others = [1, 2].map(secret) as [Uint8Array, Uint8Array]
    const agent = openFileAgent({
      clock: { now: () => now },
      signer: { path: file.path, key: { bytes: others[0] } },
      store: { path: path('agent'), key: { bytes: others[1] } },
    })
    for (const key of others) key.fill(0)
    const { did } = await agent
    const grant = await delegateRaw(alice, { did })
    expect(await (await agent).receive(encodeContainer([grant]))).toMatchObject({ accepted: true })
    expect(await fileDelegationStore({ path: path('agent'), key: file.key }).load({})).toEqual([grant.bytes])
  })
})
