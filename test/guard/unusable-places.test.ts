import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { allOf } from '../../src/audit/combine/all-of.ts'
import { anyOf } from '../../src/audit/combine/any-of.ts'
import { createPseudonymizer } from '../../src/audit/privacy/pseudonym.ts'
import { openJsonlAuditSink, openJsonlLog } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { machineFiles } from '../../src/audit/sinks/jsonl/log-files.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { postgresAuditSink } from '../../src/audit/sinks/postgres/postgres-audit-sink.ts'
import { sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { assumeRoleVault, secretsManagerVault } from '../../src/entries/vault/aws.ts'
import type { ProcuraError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { createVault } from '../../src/vault/create-vault.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { header } from '../../src/vault/processors/header.ts'
import { hmac } from '../../src/vault/processors/hmac.ts'
import { refreshToken } from '../../src/vault/processors/refresh-token.ts'
import { referenceTable } from '../../src/vault/rules/reference-table.ts'
import { Secret } from '../../src/vault/secret.ts'
import { envVault } from '../../src/vault/stores/env/env-vault.ts'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { createKeyFile } from '../../src/vault/stores/file/key.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { tokenExchangeVault } from '../../src/vault/stores/oauth/token-exchange.ts'
import { fixedToken, openbaoVault } from '../../src/vault/stores/openbao/openbao-vault.ts'
import { sealCredential, sealedVault, sealingPublicKey } from '../../src/vault/stores/sealed/sealed-vault.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { shortLease } from '../audit/jsonl/short-lease.ts'

import {
  alice,
  aws,
  canary,
  databaseAt,
  exchange,
  faultOf,
  grants,
  guardOptions,
  makeFolder,
  openbao,
  place,
  rules,
  sealing,
  source,
  write,
} from './wrong-options.ts'

makeFolder()

/** A mistake, and the code and message of its error. */
type Mistake = readonly [what: string, code: ProcuraError['code'], says: RegExp, make: () => unknown]

const argument = 'ERR_INVALID_ARGUMENT'
const configuration = 'ERR_VAULT_CONFIGURATION'
const auditConfiguration = 'ERR_AUDIT_CONFIGURATION'
const key = { bytes: new Uint8Array(32) }

/** Creates a file in the folder, with a mode. */
function fileOf(content: string | Uint8Array, mode: number): string {
  const path = place('file')
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

/** A link to itself. */
function ring(): string {
  const path = place('link')
  symlinkSync(path, path)
  return path
}

function directoryOf(...names: readonly string[]): string {
  const path = place('directory')
  mkdirSync(path)
  for (const name of names) mkdirSync(join(path, name))
  return path
}

const failing = (code: string) => (): never => {
  throw Object.assign(new Error(`${code}: ${canary}`), { code })
}

const mistakes: readonly Mistake[] = [
  ['a vault without credentials', argument, /name at least one/, () => memoryVault({})],
  [
    'a credential without origins',
    argument,
    /`processor` needs `origins`/,
    () => memoryVault({ a: { secret: canary, processor: bearer() } }),
  ],
  [
    'a credential with an empty list of origins',
    argument,
    /`origins` is empty; list one/,
    () => memoryVault({ a: { secret: canary, origins: [], processor: bearer() } }),
  ],
  [
    'origins without a way to send the secret',
    argument,
    /`origins` needs a `processor`/,
    () => memoryVault({ a: { secret: canary, origins: ['https://api.example'] } }),
  ],
  [
    'an origin with a path',
    argument,
    /write `https:\/\/api.example`/,
    () => memoryVault({ a: { ...rules, secret: canary, origins: ['https://api.example/v1'] } }),
  ],
  [
    'an origin that is not encrypted',
    argument,
    /use https:/,
    () => memoryVault({ a: { ...rules, secret: canary, origins: ['http://api.example'] } }),
  ],
  [
    'an invalid command',
    argument,
    /`commands\[0\]` is not a command/,
    () => memoryVault({ a: { ...rules, secret: canary, commands: ['crm'] } }),
  ],
  [
    'a subject that is not a DID',
    argument,
    /`subjects\[0\]` is not a DID/,
    () => memoryVault({ a: { ...rules, secret: canary, subjects: ['alice'] } }),
  ],
  [
    'a variable that is not set',
    configuration,
    /set the environment variable `API_KEY`/,
    () => envVault({ environment: {}, credentials: { a: { ...rules, variable: 'API_KEY' } } }),
  ],
  [
    'no file of credentials',
    configuration,
    /the file .* does not exist; set `create: true`/,
    () => openFileVault({ path: place('none'), key }),
  ],
  [
    'a file in a folder that is not there',
    configuration,
    /`path` .*\(ENOENT\); pass a file in a folder that exists/,
    () => openFileVault({ path: join(place('no-folder'), 'vault'), key, create: true }),
  ],
  [
    'a file below a file',
    configuration,
    /`path` .*\(ENOTDIR\)/,
    () => openFileVault({ path: join(fileOf('', 0o600), 'vault'), key, create: true }),
  ],
  [
    'a directory as a file',
    configuration,
    /it is a folder; pass the path of a file/,
    () => openFileVault({ path: directoryOf(), key }),
  ],
  [
    'a file that others may read',
    configuration,
    /run chmod 600/,
    () => openFileVault({ path: fileOf('{}', 0o644), key }),
  ],
  ['a link that leads to itself', configuration, /it is a symbolic link/, () => openFileVault({ path: ring(), key })],
  [
    'a file of another kind',
    'ERR_VAULT_INTEGRITY',
    /damaged/,
    () => openFileVault({ path: fileOf('hello', 0o600), key }),
  ],
  [
    'no key file',
    configuration,
    /the key file \(`keyFile`\) does not exist; make one with createKeyFile/,
    () => openFileVault({ path: place('vault'), key: { keyFile: place('none') }, create: true }),
  ],
  [
    'a key file that others may read',
    configuration,
    /run chmod 600/,
    () => openFileVault({ path: place('vault'), key: { keyFile: fileOf(new Uint8Array(32), 0o644) }, create: true }),
  ],
  [
    'a key file below a file',
    configuration,
    /the key file .* cannot be read; make it readable for this process/,
    () => openFileVault({ path: place('vault'), key: { keyFile: join(fileOf('', 0o600), 'key') }, create: true }),
  ],
  [
    'a key file of another length',
    configuration,
    /must have 32 bytes; make one with createKeyFile/,
    () => openFileVault({ path: place('vault'), key: { keyFile: fileOf(canary, 0o600) }, create: true }),
  ],
  [
    'a passphrase too short to be one',
    argument,
    /at least 8 bytes/,
    () => openFileVault({ path: place('vault'), key: { passphrase: 'short' }, create: true }),
  ],
  [
    'a key of an unknown form',
    argument,
    /`key` must be one of `\{ passphrase \}`/,
    () => openFileVault({ path: place('vault'), key: { password: canary } as never, create: true }),
  ],
  [
    'a key file that is there',
    configuration,
    /it exists already/,
    () => createKeyFile(fileOf(new Uint8Array(32), 0o600)),
  ],
  [
    'a key file in no folder',
    configuration,
    /`path` .* cannot be used \(ENOENT\); pass a file in a folder that exists/,
    () => createKeyFile(join(place('no-folder'), 'key')),
  ],
  [
    'a sealed vault without keys',
    argument,
    /`privateKeys` is empty; make one with generateSealingKey/,
    () => sealedVault({ privateKeys: [], origins: [], acceptPresented: true }),
  ],
  [
    'a sealed vault with nothing to open',
    argument,
    /`credentials` is empty; name one, or set `acceptPresented: true`/,
    () => sealedVault({ privateKeys: [sealing.privateKey], origins: ['https://api.example'] }),
  ],
  [
    'a text that is not sealed',
    argument,
    /credential `a` is not a sealed text; make one with sealCredential/,
    () => sealedVault({ privateKeys: [sealing.privateKey], origins: [], credentials: { a: canary } }),
  ],
  [
    'a credential sealed for nobody',
    argument,
    /`roots` and `commands`/,
    () => sealCredential({ ...rules, secret: canary, publicKey: sealing.publicKey, roots: [], commands: [] }),
  ],
  ['an invalid sealing key', argument, /`key` must be a Secret/, () => sealingPublicKey(canary as never)],
  [
    'an address without encryption',
    argument,
    /`address`: .*use https:/,
    () => openbaoVault({ ...openbao, address: 'http://bao.example', credentials: { a: { engine: 'kv', path: 'p' } } }),
  ],
  [
    'a path out of its engine',
    argument,
    /`path` must be names separated by slashes/,
    () => openbaoVault({ ...openbao, credentials: { a: { engine: 'kv', path: '../sys' } } }),
  ],
  ['an invalid token', argument, /`token` must be a secret/, () => fixedToken(7 as never)],
  [
    'an invalid region',
    argument,
    /`region` must be the name of an AWS region, such as eu-central-1/,
    () => secretsManagerVault({ ...aws, region: 'Frankfurt', credentials: { a: { secretId: 's' } } }),
  ],
  [
    'keys without their secret',
    argument,
    /`keys`: the secret has no field `secretAccessKey`/,
    () => secretsManagerVault({ ...aws, keys: { accessKeyId: canary }, credentials: { a: { secretId: 's' } } }),
  ],
  [
    'an invalid role',
    argument,
    /`roleArn` must be the ARN of a role/,
    () => assumeRoleVault({ ...aws, credentials: { a: { roleArn: 'role', grants } } }),
  ],
  [
    'a role that grants nothing',
    argument,
    /`grants` is empty; list the permissions of each command/,
    () => assumeRoleVault({ ...aws, credentials: { a: { roleArn: 'arn:aws:iam::123456789012:role/r', grants: [] } } }),
  ],
  [
    'a grant for no command',
    argument,
    /`grants\[0\]`: `command` must be a non-empty string/,
    () =>
      assumeRoleVault({
        ...aws,
        credentials: { a: { roleArn: 'arn:aws:iam::123456789012:role/r', grants: [{ statements: [] } as never] } },
      }),
  ],
  [
    'a client without its secret',
    argument,
    /`clientSecret` and `authentication` do not go together/,
    () =>
      tokenExchangeVault({
        tokenEndpoint: 'https://as.example/token',
        clientId: 'c',
        credentials: { a: { subjectToken: async () => ({ token: canary }) } },
      }),
  ],
  [
    'an invalid token endpoint',
    argument,
    /`tokenEndpoint`: the address must be an absolute URL/,
    () => refreshToken({ tokenEndpoint: '/token', clientId: 'c' }),
  ],
  [
    'a scope for no command',
    argument,
    /`scopes`: /,
    () => refreshToken({ tokenEndpoint: 'https://as.example/token', clientId: 'c', scopes: { crm: 'read' } }),
  ],
  ['a signature over nothing', argument, /`covers` is empty; list some of/, () => hmac({ header: 'x-s', covers: [] })],
  [
    'a header that frames the message',
    argument,
    /must be the name of a header that can carry/,
    () => header({ name: 'content-length' }),
  ],
  [
    'two rows for the same calls',
    argument,
    /two rows are for command/,
    () =>
      referenceTable([
        { command: '/a', reference: 'x' },
        { command: '/a', reference: 'y' },
      ]),
  ],
  ['an empty secret', argument, /must not be empty/, () => new Secret('')],
  ['a secret of another kind', argument, /must be a string or a Uint8Array/, () => new Secret({ length: 32 } as never)],
  [
    'a log below a file',
    auditConfiguration,
    /`directory` .* cannot be used; name a directory that this process may write \((?:ENOTDIR|EEXIST)\)/,
    () => openJsonlAuditSink({ directory: join(fileOf('', 0o600), 'log') }),
  ],
  [
    'a file in place of the folder of a log',
    auditConfiguration,
    /`directory` .*\((?:ENOTDIR|EEXIST)\)/,
    () => openJsonlAuditSink({ directory: fileOf('', 0o600) }),
  ],
  ...(['EACCES', 'EPERM', 'EROFS', 'ENOSPC'] as const).map(
    (code): Mistake => [
      `a folder of a log that answers ${code}`,
      auditConfiguration,
      new RegExp(`\`directory\` .*\\(${code}\\)`),
      () => openJsonlAuditSink({ directory: place('log'), files: { ...machineFiles, makeDirectory: failing(code) } }),
    ],
  ),
  [
    'a log that cannot be read',
    auditConfiguration,
    /`directory` .*\(EIO\)/,
    () => openJsonlAuditSink({ directory: place('log'), files: { ...machineFiles, list: failing('EIO') } }),
  ],
  [
    'a file in place of a lock',
    auditConfiguration,
    /the lock .* cannot be used: it is not a folder; remove it/,
    () => {
      const directory = directoryOf()
      writeFileSync(join(directory, 'audit.lock'), '')
      return openJsonlAuditSink({ directory })
    },
  ],
  [
    'a name of files that leads out of the folder',
    argument,
    /`prefix` must be 1 to 64 letters/,
    () => openJsonlAuditSink({ directory: place('log'), prefix: '../x' }),
  ],
  [
    'a log that another writer has',
    auditConfiguration,
    /this process has opened the log .* close it first/,
    async () => {
      const directory = place('log')
      const first = await openJsonlLog({ directory }, shortLease(500))
      try {
        return await openJsonlLog({ directory }, shortLease(500))
      } finally {
        await first.sink.close()
      }
    },
  ],
  [
    'a database that is closed',
    auditConfiguration,
    /`database` .* cannot hold the table .*; open it for writing/,
    () => {
      const database = databaseAt(':memory:')
      database.close()
      return sqliteAuditSink({ database })
    },
  ],
  [
    'a database that is only read',
    auditConfiguration,
    /`database` .*; open it for writing/,
    () => {
      const path = place('database')
      const writable = databaseAt(path)
      sqliteAuditSink({ database: writable })
      writable.close()
      const database = databaseAt(path, { readOnly: true })
      try {
        return sqliteAuditSink({ database })
      } finally {
        database.close()
      }
    },
  ],
  [
    'an invalid name of a table',
    argument,
    /`table` /,
    () => postgresAuditSink({ pool: { connect: async () => undefined as never }, table: 'a; DROP TABLE b' }),
  ],
  ['no sinks at all', argument, /`sinks` must have at least one/, () => allOf([])],
  [
    'no sinks of which one is needed',
    argument,
    /`sinks` must have at least one/,
    () => anyOf([], { onFailure: write }),
  ],
  [
    'a key of a tenant that is too short',
    argument,
    /`key` must be a Uint8Array of 32 bytes or more/,
    () => createPseudonymizer({ key: new Uint8Array(31), epoch: '1' }),
  ],
  [
    'a key for arguments that is too short',
    argument,
    /`audit`: `argumentKey` must be a Uint8Array of 32 bytes or more/,
    () => createGuard({ ...guardOptions(), audit: { sink: memoryAuditSink(), argumentKey: new Uint8Array(31) } }),
  ],
]

describe('a function with an unusable option, file or folder', () => {
  for (const [what, code, says, make] of mistakes) {
    it(`GRD-09 explains what to do about ${what}`, async () => {
      const error = await faultOf(make)
      expect(error).toMatchObject({ code })
      expect((error as Error).message).toMatch(says)
      expect((error as Error).message).not.toContain(canary)
    })
  }
})

describe('an unknown credential of a command', () => {
  const command = { ...defineCommand({ command: '/a', args: {} }), credential: 'crn' }
  const guard = (vault: Vault) => () => createGuard({ ...guardOptions(), commands: [command], vault })

  it('GRD-09 is detected when the guard is made, for every kind of vault', async () => {
    const file = await openFileVault({ path: place('vault'), key, create: true })
    await file.put('crm', { secret: canary, leasable: true })
    const sealed = await sealCredential({
      ...rules,
      secret: canary,
      publicKey: sealing.publicKey,
      roots: [alice.did],
      commands: ['/a'],
    })
    const vaults: Readonly<Record<string, Vault>> = {
      memory: memoryVault({ crm: { secret: canary, leasable: true } }),
      env: envVault({ environment: { A: canary }, credentials: { crm: { variable: 'A', leasable: true } } }),
      file,
      sealed: sealedVault({ privateKeys: [sealing.privateKey], origins: rules.origins, credentials: { crm: sealed } }),
      openbao: openbaoVault({ ...openbao, credentials: { crm: { engine: 'kv', path: 'p', ...rules } } }),
      'secrets manager': secretsManagerVault({ ...aws, credentials: { crm: { secretId: 's', ...rules } } }),
      sts: assumeRoleVault({
        ...aws,
        credentials: { crm: { roleArn: 'arn:aws:iam::123456789012:role/r', grants, ...rules } },
      }),
      oauth: tokenExchangeVault({
        ...exchange,
        credentials: { crm: { subjectToken: async () => ({ token: canary }), ...rules } },
      }),
      'of another source': createVault({ source, credentials: { crm: rules } }),
    }
    for (const [name, vault] of Object.entries(vaults)) {
      expect(vault.references, name).toEqual(['crm'])
      expect(guard(vault), name).toThrow(
        /the `credential` of `\/a` does not name a credential of the vault: did you mean `crm`\? it has `crm`/,
      )
    }
  })

  it('GRD-09 can come from a removal from the file, and ends with a new entry', async () => {
    const path = place('vault')
    const file = await openFileVault({ path, key, create: true })
    expect(guard(file)).toThrow(/it has none/)
    await file.put('crn', { secret: canary, leasable: true })
    await guard(file)().close()
    await file.rotate('crn', 'another')
    expect(file.references).toEqual(['crn'])
    await guard(await openFileVault({ path, key }))().close()
    await file.remove('crn')
    expect(guard(file)).toThrow(/it has none/)
  })

  it('GRD-09 cannot be detected for a vault that accepts presented sealed credentials', async () => {
    const vault = sealedVault({ privateKeys: [sealing.privateKey], origins: rules.origins, acceptPresented: true })
    expect(vault.references).toBeUndefined()
    await guard(vault)().close()
  })
})
