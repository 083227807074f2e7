import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { revealCredentials } from '../../src/vault/stores/file/reveal.ts'
import { vaultError } from './support.ts'

let folder: string
let path: string
const key = { bytes: new Uint8Array(32).fill(5) }

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'procura-reveal-'))
  path = join(folder, 'vault')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('revealCredentials', () => {
  it('gives the operator the current secret of each credential, whatever its rules are [VLT-48]', async () => {
    const vault = await openFileVault({ path, key, create: true })
    await vault.put('mail', { secret: 'first', leasable: true })
    await vault.put('mail', { secret: 'second', leasable: true })
    await vault.put('crm', { secret: 'third', origins: ['https://crm.example'], processor: bearer() })
    const found = await revealCredentials({ path, key })
    expect([...found].map(([name, secret]) => [name, secret.reveal()])).toEqual([
      ['mail', 'second'],
      ['crm', 'third'],
    ])
  })

  it('needs the key of the file, and refuses a changed record [VLT-48]', async () => {
    await (await openFileVault({ path, key, create: true })).put('mail', { secret: 'first', leasable: true })
    const other = { bytes: new Uint8Array(32).fill(6) }
    await expect(revealCredentials({ path, key: other })).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    writeFileSync(path, readFileSync(path, 'utf8').replace('mail', 'hail'))
    await expect(revealCredentials({ path, key })).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
  })

  it('makes no file [VLT-48]', async () => {
    await expect(revealCredentials({ path, key })).rejects.toMatchObject(vaultError('ERR_VAULT_CONFIGURATION'))
    expect(() => readFileSync(path)).toThrow('ENOENT')
  })
})
