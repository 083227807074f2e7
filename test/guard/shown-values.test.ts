import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from '../../packages/cli/src/cli/run.ts'
import { sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { assumeRoleVault, secretsManagerVault } from '../../src/entries/vault/aws.ts'
import { ProcuraError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { createCallSender } from '../../src/http/call-sender.ts'
import { quote } from '../../src/support/quote.ts'
import { execute } from '../../src/ucanto/execute.ts'
import { invoke as ucantoInvoke } from '../../src/ucanto/invoke.ts'
import { basic } from '../../src/vault/processors/basic.ts'
import { clientCredentials } from '../../src/vault/processors/client-credentials.ts'
import { header } from '../../src/vault/processors/header.ts'
import { headers } from '../../src/vault/processors/headers.ts'
import { hmac } from '../../src/vault/processors/hmac.ts'
import { parseProcessor } from '../../src/vault/processors/parse-processor.ts'
import { query } from '../../src/vault/processors/query.ts'
import { refreshToken } from '../../src/vault/processors/refresh-token.ts'
import { sigV4 } from '../../src/vault/processors/sigv4.ts'
import { referenceTable } from '../../src/vault/rules/reference-table.ts'
import { envVault } from '../../src/vault/stores/env/env-vault.ts'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { createKeyFile } from '../../src/vault/stores/file/key.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { tokenExchangeVault } from '../../src/vault/stores/oauth/token-exchange.ts'
import { appRole, openbaoVault } from '../../src/vault/stores/openbao/openbao-vault.ts'
import { sealCredential, sealedVault } from '../../src/vault/stores/sealed/sealed-vault.ts'
import { withShortStacks } from '../support/short-stacks.ts'
import { type Options, optionRows } from './option-rows.ts'
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
} from './wrong-options.ts'

makeFolder()

withShortStacks()

/** A secret in the place of another value, in each shape that the value can have. */
const misplaced: readonly unknown[] = [
  ...[canary, `${canary} `, `/${canary}`, `//${canary}@x`, `${canary}:${canary}`, `did:${canary}`, `../${canary}`],
  ...['https', 'http', 'postgres', 'ftp'].map((scheme) => `${scheme}://user:${canary}@host.example`),
  ...[`https://host.example/?token=${canary}`, `https://host.example/${canary}`, `https://*.example/${canary}`],
  [canary],
  [`https://user:${canary}@host.example`],
  [{ command: canary, statements: [{ actions: [canary], resources: [canary] }] }],
  { a: canary },
  { a: { a: canary } },
  { a: [canary] },
  { '/a': canary },
  { '/a': [{ type: canary }] },
  { apply: canary, read: canary, now: canary, append: canary, sign: canary, name: canary },
]
/** Paths of files and folders, which errors show because the reader must look there. */
const places = new Set(['path', 'directory'])

/** Everything that a reader can see of an error. */
function shownOf(error: unknown): string {
  const { message, stack, cause } = error as Error
  const below = cause === undefined ? '' : shownOf(cause)
  return [
    message,
    stack,
    String(error),
    JSON.stringify(error),
    inspect(error, { depth: 9, showHidden: true }),
    below,
  ].join('\n')
}

describe('an error about options', async () => {
  const token = await ucantoInvoke({ issuer: alice, audience: alice.did, command: '/a/b' })
  for (const [name, [make, valid, kinds]] of Object.entries(optionRows)) {
    it(`SEC-10 shows no value: ${name}`, async () => {
      for (const marked of Object.keys(kinds)) {
        const option = marked.replace('!', '')
        if (places.has(option)) continue
        for (const value of misplaced) {
          const error = await faultOf(() => (make as (options: Options) => unknown)({ ...valid(), [option]: value }))
          if (error === undefined) continue
          const what = `${option}: ${JSON.stringify(value)}`
          expect(error, what).toBeInstanceOf(ProcuraError)
          expect(shownOf(error), what).not.toContain(canary)
        }
      }
    })
  }

  const withPassword = `https://user:${canary}@host.example`
  const stored = { ...rules, secret: 'x' }
  const role = { roleArn: 'arn:aws:iam::123456789012:role/r', grants, ...rules }
  const kv = { engine: 'kv', path: 'p', ...rules } as const
  const command = defineCommand({ command: '/a', args: {} })
  const call = { kind: 'invocation', audience: alice.did, subject: alice.did, bytes: new Uint8Array(1) } as never
  const mistakes: Readonly<Record<string, () => unknown>> = {
    'an origin with a password': () => memoryVault({ a: { ...stored, origins: [withPassword] } }),
    'an origin that is a key': () => memoryVault({ a: { ...stored, origins: [`sk:${canary}`] } }),
    'an origin with a query': () => memoryVault({ a: { ...stored, origins: [`https://a.example?key=${canary}`] } }),
    'a secret alone': () => memoryVault({ a: canary as never }),
    'an invalid name': () => memoryVault({ [`key ${canary}`]: stored }),
    'a method': () => memoryVault({ a: { ...stored, methods: [canary] } }),
    'a path prefix': () => memoryVault({ a: { ...stored, pathPrefix: canary } }),
    'a header that may be sent': () => memoryVault({ a: { ...stored, headers: [`x-key: ${canary}`] } }),
    'a command': () => memoryVault({ a: { ...stored, commands: [canary] } }),
    'a subject': () => memoryVault({ a: { ...stored, subjects: [canary] } }),
    'the value of a variable': () => envVault({ environment: {}, credentials: { a: { ...rules, variable: canary } } }),
    'the value of one of several variables': () =>
      envVault({ environment: {}, credentials: { a: { ...rules, variable: { password: canary } } } }),
    'a user name with the password': () => basic({ username: `user:${canary}` }),
    'a format with the secret': () => header({ name: 'x-key', format: `Token ${canary}` }),
    'a header with its value': () => header({ name: `x-key: ${canary}` }),
    'a header of several with its value': () => headers({ fields: { [`x-key: ${canary}`]: 'a' } }),
    'a format of a signature': () => hmac({ header: 'x-signature', format: canary }),
    'a header for a signature': () => hmac({ header: `x ${canary}` }),
    'a part to be signed': () => hmac({ header: 'x-signature', covers: [canary as never] }),
    'a parameter with its value': () => query({ name: `key=${canary}` }),
    'a region': () => sigV4({ region: canary, service: 's3' }),
    'a service': () => sigV4({ region: 'eu-central-1', service: `s3 ${canary}` }),
    'a token endpoint with a password': () => refreshToken({ tokenEndpoint: withPassword, clientId: 'c' }),
    'a token endpoint in the clear': () =>
      clientCredentials({ tokenEndpoint: `http://${canary}.example`, clientId: 'c' }),
    'a scope': () =>
      refreshToken({ tokenEndpoint: 'https://a.example', clientId: 'c', scopes: { '/a': `"${canary}"` } }),
    'a processor as data': () => parseProcessor({ type: canary }),
    'an authentication as data': () =>
      parseProcessor({
        type: 'refresh-token',
        tokenEndpoint: 'https://a.example',
        clientId: 'c',
        authentication: canary,
      }),
    'a key file that is the key': () => openFileVault({ path: place('vault'), key: { keyFile: canary } }),
    'a key file in base64': () =>
      openFileVault({ path: place('vault'), key: { keyFile: `/${canary}/${'x'.repeat(300)}` } }),
    'a passphrase alone': () => openFileVault({ path: place('vault'), key: canary as never }),
    'an address of OpenBao': () => openbaoVault({ ...openbao, address: withPassword, credentials: { a: kv } }),
    'a path of OpenBao': () => openbaoVault({ ...openbao, credentials: { a: { ...kv, path: `a b ${canary}` } } }),
    'a mount of OpenBao': () => openbaoVault({ ...openbao, credentials: { a: { ...kv, mount: `a b ${canary}` } } }),
    'a mount of a login': () => appRole({ roleId: 'a', secretId: 'b', mount: `a b ${canary}` }),
    'an AWS region': () =>
      secretsManagerVault({ ...aws, region: canary, credentials: { a: { secretId: 's', ...rules } } }),
    'an AWS endpoint': () =>
      secretsManagerVault({ ...aws, endpoint: withPassword, credentials: { a: { secretId: 's', ...rules } } }),
    'a role': () => assumeRoleVault({ ...aws, credentials: { a: { ...role, roleArn: canary } } }),
    ...Object.fromEntries(
      [{ actions: [canary] }, { resources: [canary] }, { resources: [`arn:aws:s3:::{${canary} }`] }].map(
        (statement, index) => [
          `a statement ${index}`,
          () =>
            assumeRoleVault({
              ...aws,
              credentials: {
                a: {
                  ...role,
                  grants: [{ command: '/a', statements: [{ actions: ['s3:Get*'], resources: ['*'], ...statement }] }],
                },
              },
            }),
        ],
      ),
    ),
    'a command of a grant': () =>
      assumeRoleVault({ ...aws, credentials: { a: { ...role, grants: [{ command: canary, statements: [] }] } } }),
    'a revocation endpoint': () =>
      tokenExchangeVault({
        ...exchange,
        revocationEndpoint: withPassword,
        credentials: { a: { subjectToken: async () => ({ token: 'x' }), ...rules } },
      }),
    'a root of a sealed text': () =>
      sealCredential({ ...stored, publicKey: sealing.publicKey, roots: [canary], commands: ['/a'] }),
    'an origin of a sealed vault': () =>
      sealedVault({ privateKeys: [sealing.privateKey], origins: [withPassword], credentials: {} }),
    'a text that is not sealed': () =>
      sealedVault({ privateKeys: [sealing.privateKey], origins: rules.origins, credentials: { a: canary } }),
    'a command of a table': () => referenceTable([{ command: canary, reference: 'a' }]),
    'a subject of a table': () => referenceTable([{ command: '/a', subject: canary, reference: 'a' }]),
    'a table of a database': () => sqliteAuditSink({ database: databaseAt(place('log')), table: `a ${canary}` }),
    'a method of a call': () => createCallSender().send('https://a.example', call, [], { method: canary }),
    'a header of a call': () => createCallSender().send('https://a.example', call, [], { headers: { 'a b': canary } }),
    'the address of a service': () => createCallSender().send(withPassword, call, []),
    'the address of a ucanto service': () => execute(token, { url: withPassword }),
    'an invalid address': () => execute(token, { url: canary }),
    'an audience': () => createGuard({ ...guardOptions(), audience: canary }),
    'an audience that is a URL': () => createGuard({ ...guardOptions(), audience: `did:web:a.example?key=${canary}` }),
    'the subject of a guard': () => createGuard({ ...guardOptions(), subjects: [canary] }),
    'a secret as the name of a credential': () =>
      createGuard({
        ...guardOptions(),
        vault: memoryVault({ b: stored }),
        commands: [{ ...command, credential: canary }],
      }),
    'a secret as the name of an argument': () =>
      createGuard({ ...guardOptions(), commands: [{ ...command, show: [canary] as never }] }),
  }
  for (const [what, make] of Object.entries(mistakes)) {
    it(`SEC-10 shows no value: ${what}`, async () => {
      const error = await faultOf(make)
      expect(error).toBeInstanceOf(ProcuraError)
      expect(shownOf(error)).not.toContain(canary)
    })
  }

  it('SEC-16 shows no password of a quoted URL, for any fault of the URL', () => {
    for (const text of [
      withPassword,
      `postgres://${canary}@host/db`,
      `a ${withPassword} b`,
      `//${canary}:${canary}@h`,
      `postgres://user:a/${canary}@host/db`,
      `postgres://user:${canary}/b@host/db`,
      `https://user:a ${canary}@host.example`,
      `https://user:a@b/${canary}@host.example`,
      `https://user:${canary}#?@host.example`,
      `https:user:${canary}@host.example`,
      `https:/user:${canary}@host.example`,
      `https:///user:${canary}@host.example`,
      `https:\\\\user:${canary}@host.example`,
      `WSS:/\\${canary}@host.example`,
      `https://a.example/b and https://user:${canary}@host.example`,
    ]) {
      expect.soft(quote(text, 256), text).not.toContain(canary)
    }
    expect(quote(`https://user:${'x'.repeat(100)}@host.example`)).toBe('`https://…@host.example`')
  })

  it('quotes an `@` without user information unchanged, and a long string in linear time', () => {
    for (const text of [
      'https://host.example/@path',
      'https://host.example:8443/@path?user=a@b',
      'https://[::1]:8443/@path',
      'https://host.example?user=a@b',
      'mailto:a@b.example',
      '/srv/a@b/c',
      '\\\\server\\share@x',
    ]) {
      expect.soft(quote(text, 256)).toBe(`\`${text}\``)
    }
    for (const part of ['//a:x', '//a/', 'https:', '/', '@', '//a.b/@']) {
      expect(quote(`${part.repeat(200_000)}@/`).length).toBeLessThan(80)
    }
  })
})

describe('the program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'procura-shown-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'vault')
  const key = join(folder, 'key')
  const put = ['vault', 'put', 'crm', '--file', file, '--key-file', key, '--origin', 'https://a.example']

  it('SEC-10 does not print a secret in the place of another argument', async () => {
    await createKeyFile(key)
    const lines: readonly (readonly string[])[] = [
      [...put, '--bearer', '--origin', `https://user:${canary}@b.example`],
      [...put, '--bearer', '--origin', `https://b.example/?key=${canary}`],
      [...put, '--bearer', '--origin', canary],
      [...put, `--bearer=${canary}`],
      [...put, '--header', `x-key: ${canary}`],
      [...put, '--query', `key=${canary}`],
      [...put, '--bearer', '--method', canary],
      [...put, '--bearer', '--path-prefix', canary],
      [...put, '--bearer', '--allow-header', `x-key: ${canary}`],
      [...put, '--bearer', '--command', canary],
      [...put, '--bearer', '--subject', canary],
      [...put, '--bearer', canary],
      [...put, '--bearer', '--secret', canary],
      [...put, '--bearer', `--token=${canary}`],
      [...put.map((word) => (word === key ? canary : word)), '--bearer'],
      [...put.map((word) => (word === 'crm' ? `key ${canary}` : word)), '--bearer'],
      ['vault', 'list', '--file', file, '--key-file', `/${canary}`],
      ['audit', 'verify', `postgres://user:${canary}@db.example/log`],
      ['audit', 'verify', folder, '--hash', canary, '--sequence', canary],
      [canary],
      ['vault', canary],
      ['audit', canary, folder],
    ]
    for (const words of lines) {
      const shown: string[] = []
      const code = await run(words, {
        env: {},
        isTerminal: false,
        print: (line) => void shown.push(line),
        complain: (line) => void shown.push(line),
        readInput: async () => Buffer.from(`${canary}\n`),
        askHidden: async () => undefined,
      })
      expect(code, words.join(' ')).toBe(2)
      expect(shown.join('\n'), words.join(' ')).not.toContain(canary)
    }
  })
})
