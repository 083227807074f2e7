import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseDid } from '../../src/core/did/did.ts'
import { assumeRoleVault, secretsManagerVault } from '../../src/entries/vault/aws.ts'
import { VaultError } from '../../src/errors.ts'
import { createVault } from '../../src/vault/create-vault.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import type { CredentialOptions } from '../../src/vault/rules/credential-rules.ts'
import { Secret } from '../../src/vault/secret.ts'
import type { SecretSource } from '../../src/vault/source.ts'
import { envVault } from '../../src/vault/stores/env/env-vault.ts'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { tokenExchangeVault } from '../../src/vault/stores/oauth/token-exchange.ts'
import { fixedToken, openbaoVault } from '../../src/vault/stores/openbao/openbao-vault.ts'
import { sealContents } from '../../src/vault/stores/sealed/sealed-text.ts'
import {
  generateSealingKey,
  type SealingKey,
  sealCredential,
  sealedVault,
} from '../../src/vault/stores/sealed/sealed-vault.ts'
import { invalidArgument, movableClock, permission, vaultError } from './support.ts'

const secret = 'canary-8e1f'
const region = 'eu-central-1'
const keys = { accessKeyId: 'a', secretAccessKey: 'b' }
let folder: string
let key: SealingKey
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-leasable-'))
  key = await generateSealingKey()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Creates each kind of vault with one credential that has these rules. */
const kinds: Readonly<Record<string, (rules: CredentialOptions) => unknown>> = {
  memory: (rules) => memoryVault({ a: { ...rules, secret } }),
  env: (rules) => envVault({ environment: { A: secret }, credentials: { a: { ...rules, variable: 'A' } } }),
  file: async (rules) => {
    const vault = await openFileVault({
      path: join(folder, 'vault'),
      key: { bytes: new Uint8Array(32).fill(7) },
      create: true,
    })
    return vault.put('a', { ...rules, secret })
  },
  sealed: (rules) =>
    sealCredential({ ...rules, secret, publicKey: key.publicKey, roots: ['did:web:a.example'], commands: ['/a'] }),
  openbao: (rules) =>
    openbaoVault({
      address: 'https://bao.example',
      login: fixedToken('t'),
      credentials: { a: { engine: 'kv', path: 'a', ...rules } },
    }),
  'secrets manager': (rules) => secretsManagerVault({ region, keys, credentials: { a: { secretId: 'a', ...rules } } }),
  'assumed role': (rules) => {
    const grants = [{ command: '/a', statements: [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::a/*'] }] }]
    const roleArn = 'arn:aws:iam::123456789012:role/a'
    return assumeRoleVault({ region, keys, credentials: { a: { roleArn, grants, ...rules } } })
  },
  'token exchange': (rules) =>
    tokenExchangeVault({
      tokenEndpoint: 'https://a.example/token',
      clientId: 'c',
      clientSecret: 's',
      credentials: { a: { subjectToken: async () => ({ token: secret }), ...rules } },
    }),
  'another source': (rules) =>
    createVault({ source: { name: 'own', read: async () => undefined }, credentials: { a: rules } }),
}

describe('a credential without origins', () => {
  for (const [kind, make] of Object.entries(kinds)) {
    it(`VLT-46 must be declared leasable: ${kind}`, async () => {
      for (const rules of [{}, { leasable: false }, { commands: ['/a'] }]) {
        const sealed = kind === 'sealed' ? {} : rules
        const error: unknown = await (async () => make(sealed))().catch((thrown: unknown) => thrown)
        expect(error).toMatchObject({
          ...invalidArgument,
          message: expect.stringMatching(/list the `origins` that it may be sent to, or set `leasable: true`/),
        })
        expect(String(error)).not.toContain(secret)
      }
      for (const rules of [{ leasable: true }, { origins: ['https://a.example'], processor: bearer() }]) {
        await expect((async () => make(rules))()).resolves.toBeDefined()
      }
    })
  }

  it('VLT-46 is an object, not a string', () => {
    expect(() => memoryVault({ a: secret as never })).toThrow(/must be an object/)
  })

  it('VLT-46 is refused when it was sealed without that declaration', async () => {
    const rules = '{"leasable":false,"subjects":["did:web:a.example"],"commands":["/a"]}'
    const text = await sealContents(key.publicKey, { rules, secret: new Secret(secret), expiration: undefined })
    const vault = sealedVault({ privateKeys: [key.privateKey], origins: [], credentials: { a: text } })
    await expect(
      vault.lease('a', { authorization: permission({ subject: parseDid('did:web:a.example'), path: '/a' }) }),
    ).rejects.toMatchObject(vaultError('ERR_VAULT_CONFIGURATION'))
  })
})

describe('a lease that is given back several times at once', () => {
  it('VLT-12 is revoked once, and again after a failure', async () => {
    let asked = 0
    const source: SecretSource = {
      name: 'test',
      perCall: () => true,
      read: async (reference) => ({
        reference,
        secret: new Secret(secret),
        version: '1',
        kind: 'dynamic',
        downscoped: false,
        readAt: 0,
        revoke: async () => {
          asked += 1
          await Promise.resolve()
          if (asked === 1) throw new VaultError('ERR_VAULT_UNAVAILABLE', 'away')
        },
      }),
    }
    const vault = createVault({ source, credentials: { db: { leasable: true } }, clock: movableClock() })
    const lease = await vault.lease('db', { authorization: permission() })
    const giveBack = async (): Promise<readonly string[]> =>
      (await Promise.allSettled([lease.revoke(), lease.revoke(), lease.revoke()])).map(({ status }) => status)
    expect([await giveBack(), asked]).toEqual([['rejected', 'rejected', 'rejected'], 1])
    expect([await giveBack(), asked]).toEqual([['fulfilled', 'fulfilled', 'fulfilled'], 2])
    expect([await giveBack(), asked]).toEqual([['fulfilled', 'fulfilled', 'fulfilled'], 2])
  })
})
