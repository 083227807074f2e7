import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, lchownSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createSignerFile, openSignerFile, rotateSignerFile } from '../../src/signers/file/signer-file.ts'
import { fileDelegationStore } from '../../src/stores/delegation-file/file-delegation-store.ts'
import { delegate } from '../../src/ucanto/delegate.ts'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { createKeyFile } from '../../src/vault/stores/file/key.ts'
import { canMount } from '../audit/jsonl/small-disk.ts'
import { temporaryDirectory } from '../audit/jsonl/temporary.ts'
import { bundleProgram } from '../support/bundle-program.ts'
import { mountSecret } from '../support/mounted-secret.ts'
import { permission, vaultError } from './support.ts'

const configuration = vaultError('ERR_VAULT_CONFIGURATION')

/** The files of a service: its key, and a vault with one credential and its key. */
async function secrets(secret = 'one'): Promise<Record<'service.key' | 'vault' | 'vault.key', Buffer>> {
  const folder = temporaryDirectory()
  const at = (name: string): string => join(folder, name)
  await createSignerFile({ path: at('service.key') })
  await createKeyFile(at('vault.key'))
  const vault = await openFileVault({ path: at('vault'), key: { keyFile: at('vault.key') }, create: true })
  await vault.put('mail', { secret, leasable: true })
  const read = (name: string): Buffer => readFileSync(at(name))
  return { 'service.key': read('service.key'), vault: read('vault'), 'vault.key': read('vault.key') }
}

describe('a mounted secret', () => {
  it('is opened through its links, and read again when they are replaced [VLT-55]', async () => {
    const folder = temporaryDirectory()
    const at = (name: string): string => join(folder, name)
    const files = await secrets()
    const former = mountSecret(folder, files)
    const { did, signer } = await openSignerFile({ path: at('service.key') })
    const vault = await openFileVault({ path: at('vault'), key: { keyFile: at('vault.key') } })
    const leased = async (): Promise<string> =>
      (await vault.lease('mail', { authorization: permission() })).secret.reveal()
    expect(await leased()).toBe('one')

    const next = await secrets('two')
    const grant = await delegate({ issuer: signer, audience: did, command: '/mail', subject: did })
    await fileDelegationStore({ path: at('grants') }).change(
      { add: new Map([[grant.cid.toString(), grant.bytes]]), remove: [] },
      {},
    )
    mountSecret(folder, { ...next, grants: readFileSync(at('grants')) })
    rmSync(former, { recursive: true })
    expect(await leased()).toBe('two')
    expect((await openSignerFile({ path: at('service.key') })).did).not.toBe(did)
    expect((await fileDelegationStore({ path: at('grants') }).load({})).length).toBe(1)
    // Nothing is written through a link: the file behind it would keep the old version.
    const changes = [
      () => rotateSignerFile({ path: at('service.key') }),
      () => vault.put('other', { secret: 'x', leasable: true }),
    ]
    for (const change of changes)
      await expect(change()).rejects.toMatchObject({
        ...configuration,
        message: expect.stringMatching(/is a symbolic link, which can only be read; pass the path of the file itself/),
      })
  })

  it('is not opened where another user can change the way to it [VLT-55]', async () => {
    const { 'service.key': key } = await secrets()
    const isRoot = process.getuid?.() === 0
    const foreign = (path: string): void => {
      if (isRoot) lchownSync(path, 12_345, 12_345)
      else vi.spyOn(process, 'geteuid').mockReturnValue((process.getuid?.() ?? 0) + 1)
    }
    const changes: Readonly<Record<string, readonly [(folder: string, version: string) => void, RegExp]>> = {
      'a folder of all': [(folder) => chmodSync(folder, 0o777), /another user can change .*procura-audit-/],
      'a folder of a group': [(folder) => chmodSync(folder, 0o770), /another user can change .*procura-audit-/],
      'a version of all': [(_, version) => chmodSync(version, 0o777), /another user can change .*\.\.2026/],
      'a link of another user': [
        (folder) => foreign(join(folder, '..data')),
        /\.\.data belongs to another user|another user can change/,
      ],
      'a folder of another user': [(folder) => foreign(folder), /another user can change/],
      'a ring': [
        (folder) => {
          rmSync(join(folder, '..data'))
          symlinkSync('..data', join(folder, '..data'))
        },
        /too many links/,
      ],
    }
    for (const [name, [change, reason]] of Object.entries(changes)) {
      const folder = temporaryDirectory()
      change(folder, mountSecret(folder, { key }))
      await expect(openSignerFile({ path: join(folder, 'key') }), name).rejects.toMatchObject({
        ...configuration,
        message: expect.stringMatching(/it is a symbolic link; pass the path of the file itself \(/),
      })
      await expect(openSignerFile({ path: join(folder, 'key') }), name).rejects.toThrow(reason)
      vi.restoreAllMocks()
    }
    // In a sticky folder, an entry can be replaced only by its owner.
    const sticky = temporaryDirectory()
    mountSecret(sticky, { key })
    chmodSync(sticky, 0o1777)
    expect(await openSignerFile({ path: join(sticky, 'key') })).toBeDefined()
    rmSync(join(sticky, '..data'))
    await expect(openSignerFile({ path: join(sticky, 'key') })).rejects.toThrow(/does not exist|missing/)
  })

  // Another user is needed who reads files of root, and a mount of their own.
  it.runIf(canMount())('of root opens for a group of the service, in a volume of everybody [VLT-56]', async () => {
    const folder = temporaryDirectory()
    chmodSync(folder, 0o755)
    const source = fileURLToPath(new URL('mounted-child.ts', import.meta.url))
    const child = await bundleProgram(source, join(folder, 'child.mjs'))
    const volume = join(folder, 'volume')
    mkdirSync(volume)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=3777,gid=23456', 'tmpfs', volume])
    onTestFinished(() => void execFileSync('umount', ['-l', volume]))
    const files = await secrets()
    const said = (mode: number, change?: (version: string) => void): string => {
      const version = mountSecret(volume, files, { mode, group: 23_456 })
      for (const name of Object.keys(files)) chmodSync(join(version, name), mode)
      change?.(version)
      const user = ['--reuid', '12345', '--regid', '12345', '--groups', '23456']
      return execFileSync('setpriv', [...user, process.execPath, child, volume], { encoding: 'utf8' })
    }
    expect(said(0o440)).toBe('one\n')
    expect(said(0o640)).toBe('one\n')
    for (const mode of [0o444, 0o460, 0o450, 0o644])
      expect(said(mode), mode.toString(8)).toMatch(/other users have access to it.*defaultMode: 0400/)
    // A file of the service itself, and one of a third user, are not given by root.
    for (const owner of [12_345, 12_346]) {
      const own = (version: string): void => chownSync(join(version, 'service.key'), owner, 23_456)
      expect(said(0o440, own)).toMatch(/service\.key` cannot be used: other users have access to it/)
    }
    expect(said(0o400)).toMatch(/service\.key` cannot be used: this user may not read it; run chown \(.*`fsGroup`\)/)
  })
})
