import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openAgent } from '../../../src/agent/open-agent.ts'
import { openContainer } from '../../../src/core/authorization/open-container.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { decodeDelegation } from '../../../src/core/delegation/decode-delegation.ts'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import { memoryDelegationStore } from '../../../src/core/proof/memory-delegation-store.ts'
import { ArgumentError, StoreError, StoreFullError } from '../../../src/errors.ts'
import { createSignerFile, rotateSignerFile } from '../../../src/signers/file/signer-file.ts'
import {
  type FileDelegationStoreOptions,
  fileDelegationStore,
} from '../../../src/stores/delegation-file/file-delegation-store.ts'
import { delegationStoreCases } from '../../../src/testing/delegation-store-cases.ts'
import { canMount, mountSmallDisk } from '../../audit/jsonl/small-disk.ts'
import { actor } from '../../support/actors.ts'

const folder = await mkdtemp(join(tmpdir(), 'procura-delegations-'))
afterAll(() => rm(folder, { recursive: true, force: true }))
let files = 0
const newPath = (): string => join(folder, `${files++}.ucan`)

const owner = await actor('owner')
const signer = await actor('agent')
const grant = await delegate({ issuer: owner, audience: signer.did, command: '/mail' })

describe('AGT-17 a store of delegations in memory', () => {
  const open = async () => {
    const store = memoryDelegationStore()
    return { store, another: async () => store, close: async () => undefined }
  }
  for (const { name, run } of delegationStoreCases(open, { without: ['interrupt', 'erase'] })) it(name, run)

  it('begins with delegations, and is bounded', async () => {
    const store = memoryDelegationStore([grant], { maxEntries: 1 })
    expect(await store.load({})).toEqual([grant.bytes])
    const add = new Map([['x', new Uint8Array([1])]])
    expect(() => store.change({ add, remove: [] }, {})).toThrow(StoreFullError)
    expect(await store.load({})).toEqual([grant.bytes])
    expect(() => memoryDelegationStore(grant as never)).toThrow(ArgumentError)
    expect(() => memoryDelegationStore([{}] as never)).toThrow(ArgumentError)
  })
})

describe('AGT-18 a store of delegations in a file', () => {
  const open = async () => {
    const path = newPath()
    const store = fileDelegationStore({ path })
    return {
      store,
      another: async () => fileDelegationStore({ path }),
      // The file cannot be used while other users have access to it.
      interrupt: () => chmod(path, 0o644),
      restore: () => chmod(path, 0o600),
      close: async () => undefined,
    }
  }
  for (const { name, run } of delegationStoreCases(open, { without: ['erase'] })) it(name, run)

  it('is private, is a container, and leaves no draft', async () => {
    const path = newPath()
    const agent = await openAgent({ signer, store: fileDelegationStore({ path }) })
    expect((await agent.receive(encodeContainer([grant]))).accepted).toBe(true)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const { delegations } = await openContainer(await readFile(path, 'utf8'))
    expect(delegations.map(({ cid }) => String(cid))).toEqual([String(grant.cid)])
    const again = await openAgent({ signer, store: fileDelegationStore({ path }) })
    expect((await again.can('/mail')).ok).toBe(true)
    const beside = (await readdir(folder)).filter((name) => name.includes('draft'))
    expect(beside).toEqual([])
  })

  it('is read again when another process has changed it', async () => {
    const path = newPath()
    const [one, two] = await Promise.all([0, 1].map(() => openAgent({ signer, store: fileDelegationStore({ path }) })))
    await one?.receive(encodeContainer([grant]))
    expect((await two?.can('/mail'))?.ok).toBe(true)
    await two?.forget([grant])
    expect((await (await openAgent({ signer, store: fileDelegationStore({ path }) })).can('/mail')).ok).toBe(false)
  })

  it('is refused when it is damaged, a link, or readable by others', async () => {
    const damaged = newPath()
    await writeFile(damaged, 'no container', { mode: 0o600 })
    const refused = async (path: string) => fileDelegationStore({ path }).load({})
    await expect(refused(damaged)).rejects.toThrow(/is damaged; restore it/)
    const link = newPath()
    await symlink('.', link)
    await expect(refused(link)).rejects.toThrow(/it is a folder/)
    const open = newPath()
    await writeFile(open, encodeContainer([grant]))
    await chmod(open, 0o644)
    await expect(refused(open)).rejects.toThrow(/run chmod 600/)
    await expect(refused(open)).rejects.toThrow(StoreError)
    // Nothing is written over a file that cannot be read.
    const store = fileDelegationStore({ path: damaged })
    await expect(store.change({ add: new Map(), remove: [] }, {})).rejects.toThrow(StoreError)
    expect(await readFile(damaged, 'utf8')).toBe('no container')
    const missing = fileDelegationStore({ path: join(folder, 'no', 'folder') })
    await expect(missing.change({ add: new Map(), remove: [] }, {})).rejects.toThrow(StoreError)
  })

  it('opens files of `procura delegate`, joined together, and refuses all of them if one line is damaged', async () => {
    const other = await delegate({ issuer: owner, audience: signer.did, command: '/calendar' })
    const [one, two] = [encodeContainer([grant]), encodeContainer([other])]
    const path = newPath()
    for (const text of [`${one}\n${two}\n`, `${one}\r\n\n${two}`, `${one}\n${two}\n${one}\n`]) {
      await writeFile(path, text, { mode: 0o600 })
      expect(await fileDelegationStore({ path }).load({})).toEqual([grant.bytes, other.bytes])
    }
    const store = fileDelegationStore({ path })
    await store.change({ add: new Map(), remove: [String(grant.cid)] }, {})
    expect((await openContainer(await readFile(path, 'utf8'))).delegations).toMatchObject([{ cid: other.cid }])
    for (const text of [`${one}\n${two.slice(0, -8)}\n`, `${one} ${two}`, `${one}\n ${two}`, `${one}\n{}`]) {
      await writeFile(path, text, { mode: 0o600 })
      await expect(store.load({}), text.slice(one.length)).rejects.toThrow(/is damaged; restore it/)
    }
  })

  it('refuses an agent whose file has other tokens', async () => {
    const path = newPath()
    await writeFile(path, encodeContainer([{ bytes: new Uint8Array([0x80]) }]), { mode: 0o600 })
    const opened = openAgent({ signer, store: fileDelegationStore({ path }) })
    await expect(opened).rejects.toThrow('the delegation store returned something other than delegations')
  })

  it('is passed on to a new key by the former one', async () => {
    const [key, store] = [newPath(), fileDelegationStore({ path: newPath() })]
    const made = await createSignerFile({ path: key })
    const first = await openAgent({ signer: made.signer, store })
    const given = await delegate({ issuer: owner, audience: made.did, command: '/mail' })
    await first.receive(encodeContainer([given]))
    const { signer: next, previous } = await rotateSignerFile({ path: key })
    const agent = await openAgent({ signer: next, store })
    expect((await agent.can('/mail')).ok).toBe(false)
    for (const former of previous) {
      const before = await openAgent({ signer: former, store })
      for (const { command, subject } of await before.capabilities()) {
        const { container } = await before.delegateTo(agent.did, { commands: [command], subject })
        expect((await agent.receive(container)).accepted).toBe(true)
      }
    }
    expect(await agent.can('/mail')).toMatchObject({ ok: true, proofs: [{ issuer: owner.did }, { issuer: made.did }] })
  })

  it.runIf(canMount())('is as before when the disk is full, and takes the next one when it has room', async () => {
    const disk = mountSmallDisk()
    const store = fileDelegationStore({ path: join(disk, 'agent.ucan') })
    const add = async (): Promise<void> => {
      const { cid, bytes } = await delegate({ issuer: owner, audience: signer.did, command: '/mail' })
      await store.change({ add: new Map([[String(cid), bytes]]), remove: [] }, {})
    }
    await add()
    const filler = join(disk, 'filler')
    await expect(writeFile(filler, new Uint8Array(300_000))).rejects.toThrow(/ENOSPC/)
    await expect(add()).rejects.toThrow(/could not be written: the disk is full \(ENOSPC\)/)
    expect(await store.load({})).toHaveLength(1)
    await rm(filler)
    await add()
    expect(await store.load({})).toHaveLength(2)
  })

  it('is bounded', async () => {
    const store = fileDelegationStore({ path: newPath(), maxEntries: 1 })
    const add = new Map(
      [grant, await delegate({ issuer: owner, audience: signer.did, command: '/a' })].map((one) => [
        String(one.cid),
        one.bytes,
      ]),
    )
    await expect(store.change({ add, remove: [] }, {})).rejects.toThrow(StoreFullError)
    expect(await store.load({})).toEqual([])
  })
})

describe('AGT-30 an encrypted store of delegations in a file', () => {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  const key = { bytes }
  const add = new Map([[String(grant.cid), grant.bytes]])
  const written = async (options: Partial<FileDelegationStoreOptions> = {}): Promise<string> => {
    const path = newPath()
    await fileDelegationStore({ path, key, ...options }).change({ add, remove: [] }, {})
    return path
  }
  const load = async (path: string, options: Partial<FileDelegationStoreOptions> = { key }) =>
    fileDelegationStore({ path, ...options }).load({})
  const open = async () => {
    const path = newPath()
    const options = { path, key, name: 'mail agent' }
    const store = fileDelegationStore(options)
    return {
      store,
      another: async () => fileDelegationStore(options),
      interrupt: () => chmod(path, 0o644),
      restore: () => chmod(path, 0o600),
      close: async () => undefined,
    }
  }
  for (const { name, run } of delegationStoreCases(open, { without: ['erase'] })) it(name, run)

  it('keeps its format: an encrypted file of an earlier version opens, under its name alone', async () => {
    const earlier =
      '{"format":"procura-delegations@1","name":"mailer","encryption":{"kind":"hkdf","salt":"DT6smP9en2Tgjl' +
      'z8Fc3ULZC3wsHfUlONCQIy3_lz2-4","cost":0},"box":"IdognIudN9OuzwKyEvb9ckmw4Mu9EKBpOfCcEtQqnS8Kn2_DgL5Q' +
      '7M1awO9AoqE9q2uuXsAnUChFRI_6OYeSEYVHc8es6qwJWDGDDDEwqWOGijaeGStVPb7nteFGiuuhnWtLJ5c_3_jHOHKyMzC9aCua' +
      'O_3n51KobdKFfMn24zI7rAQCc4SfoTG1llJ9zt6QSCAeYyBu67LYAdWV1Sl6-dFAeDFvAqAmA9lcsE6fDRTODwug5b563JtsdwTP' +
      'fHP3WIdAKhUw9W7pU1UynNIoINpoP1Ks9Js-bNOfo7Wb8KmOBcZO3SW4Iy4Oc469mn0rzjtWUFi3U7bAxNiRx1vf77VhvllAMvti' +
      'xc-BBXb4xtylCwZ6W05P-xeeYdlowKQApwZJk9h-SKRQUjc-01wTAo_aaF_wip8HIZDjA4Q8uDWa2Zxb07E0_bSNxw3z6xrUqGmn' +
      'SLFl4xTosXiRWU6xjDoRVPNnoR9cBaL0kck"}' +
      '\n'
    const path = newPath()
    await writeFile(path, earlier, { mode: 0o600 })
    const options = { path, key: { bytes: new Uint8Array(32).fill(7) } }
    const [bytes = new Uint8Array(), ...more] = await fileDelegationStore({ ...options, name: 'mailer' }).load({})
    const delegation = await decodeDelegation(bytes)
    expect([String(delegation.cid), delegation.command, more]).toEqual([
      'bafyreif4nrqbpj7mrgcd6y3bh4zkkjazjmehsj2chfmulgwcior34p5xom',
      '/mail',
      [],
    ])
    await expect(fileDelegationStore({ ...options, name: 'other' }).load({})).rejects.toThrow(/name/)
  })

  it('is private, shows nothing of a delegation, and opens with a passphrase', async () => {
    const passphrase = 'correct horse battery'
    const path = await written({ key: { passphrase } })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const text = await readFile(path, 'utf8')
    for (const hidden of [grant.issuer, grant.audience, '/mail', passphrase, encodeContainer([grant]).slice(8, 40)])
      expect(text).not.toContain(hidden)
    expect(JSON.parse(text).encryption).toMatchObject({ kind: 'scrypt', cost: 131_072 })
    expect(await load(path, { key: { passphrase } })).toEqual([grant.bytes])
    await expect(load(path, { key: { passphrase: 'correct horse batterz' } })).rejects.toThrow(
      /is not the one of the file/,
    )
    await expect(load(path)).rejects.toThrow(/needs another kind of key; pass `passphrase`/)
    await expect(load(path, {})).rejects.toThrow(/is encrypted; pass its `key`, a passphrase/)
  })

  it('never writes the same bytes twice, and can become empty', async () => {
    const path = await written()
    const first = await readFile(path, 'utf8')
    const store = fileDelegationStore({ path, key })
    await store.change({ add, remove: [] }, {})
    const second = await readFile(path, 'utf8')
    expect(second).not.toBe(first)
    expect(JSON.parse(second).encryption).toEqual(JSON.parse(first).encryption)
    await store.change({ add: new Map(), remove: [String(grant.cid)] }, {})
    expect(await store.load({})).toEqual([])
    expect(await readFile(path, 'utf8')).toContain('"box"')
  })

  it('is refused with another key, and when a byte of it was changed or cut off, and is not overwritten', async () => {
    const path = await written({ name: 'mail' })
    const text = await readFile(path, 'utf8')
    const other = { bytes: crypto.getRandomValues(new Uint8Array(32)) }
    await expect(load(path, { key: other, name: 'mail' })).rejects.toThrow(StoreError)
    const edits = [
      ...Array.from(
        text.trimEnd(),
        (letter, at) => text.slice(0, at) + (letter === 'A' ? 'B' : 'A') + text.slice(at + 1),
      ),
      ...Array.from(text.trimEnd(), (_, at) => text.slice(0, at)),
      text.replace('"box"', '"until":1,"box"'),
      text.replace('@1', '@2'),
    ]
    for (const edited of edits.filter((_, at) => at % 3 === 0 || at > edits.length - 8)) {
      await writeFile(path, edited, { mode: 0o600 })
      await expect(load(path, { key, name: 'mail' }), edited).rejects.toBeInstanceOf(StoreError)
    }
    const store = fileDelegationStore({ path, key, name: 'mail' })
    await expect(store.change({ add, remove: [] }, {})).rejects.toThrow(StoreError)
    expect(await readFile(path, 'utf8')).toBe(edits.at(-1))
  })

  it('is refused in the place of another file: unencrypted, of another name, of a signer, or spliced', async () => {
    const [one, two, unnamed] = [await written({ name: 'one' }), await written({ name: 'two' }), await written()]
    const named = (path: string, name?: string) => load(path, { key, ...(name !== undefined && { name }) })
    await expect(named(two, 'one')).rejects.toThrow(/has another `name`/)
    await expect(named(unnamed, 'one')).rejects.toThrow(/has another `name`/)
    await expect(named(one)).rejects.toThrow(/has another `name`/)
    const renamed = (await readFile(two, 'utf8')).replace('"two"', '"one"')
    await writeFile(one, renamed)
    await expect(named(one, 'one')).rejects.toThrow(/was changed/)
    const { box } = JSON.parse(await readFile(two, 'utf8'))
    await writeFile(unnamed, JSON.stringify({ ...JSON.parse(await readFile(unnamed, 'utf8')), box }))
    await expect(named(unnamed)).rejects.toThrow(/was changed/)
    const signerFile = newPath()
    await createSignerFile({ path: signerFile, key })
    // The file may be the only copy of the key, so the message does not advise to remove it.
    const other =
      'the file of the delegation store has the format `procura-signer@1`, not `procura-delegations@1`; pass the path of a file of delegations'
    for (const options of [{ key }, {}]) {
      await expect(load(signerFile, options)).rejects.toThrow(StoreError)
      await expect(load(signerFile, options)).rejects.toThrow(new RegExp(`${other.replaceAll('.', '[.]')}$`))
    }
    const plain = newPath()
    await fileDelegationStore({ path: plain }).change({ add, remove: [] }, {})
    await expect(load(plain)).rejects.toThrow(/is not encrypted; open it without `key`/)
    await writeFile(plain, '')
    await expect(load(plain)).rejects.toThrow(/is not encrypted/)
  })

  it('refuses a key that is invalid, and a name without a key', () => {
    const path = newPath()
    expect(() => fileDelegationStore({ path, key: 'secret' as never })).toThrow(ArgumentError)
    expect(() => fileDelegationStore({ path, name: 'mail' })).toThrow(/`name` requires a `key`/)
    expect(() => fileDelegationStore({ path, key, name: '' })).toThrow(ArgumentError)
  })
})
