// node only: reads files
/**
 * Readers of stored and sealed credentials, and of the responses of stores and token servers.
 *
 * @module
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readGatewayConfig } from '../../../packages/cli/src/index.ts'
import { assumeRoleSource, secretsManagerSource } from '../../../src/entries/vault/aws.ts'
import { ArgumentError, StoreError, VaultError } from '../../../src/errors.ts'
import {
  changeSignerFileKey,
  createSignerFile,
  describeSignerFile,
  openSignerFile,
  rotateSignerFile,
} from '../../../src/signers/file/signer-file.ts'
import { describeDelegationFile } from '../../../src/stores/delegation-file/describe-delegation-file.ts'
import { bearer } from '../../../src/vault/processors/bearer.ts'
import { clientCredentials } from '../../../src/vault/processors/client-credentials.ts'
import { refreshToken } from '../../../src/vault/processors/refresh-token.ts'
import { Secret } from '../../../src/vault/secret.ts'
import type { SecretSource } from '../../../src/vault/source.ts'
import { sessionName } from '../../../src/vault/stores/aws/assume-role.ts'
import { envVault } from '../../../src/vault/stores/env/env-vault.ts'
import { openFileVault } from '../../../src/vault/stores/file/file-vault.ts'
import { createKeyFile } from '../../../src/vault/stores/file/key.ts'
import { revealCredentials } from '../../../src/vault/stores/file/reveal.ts'
import { memoryVault } from '../../../src/vault/stores/memory/memory-vault.ts'
import { tokenExchangeSource } from '../../../src/vault/stores/oauth/token-exchange.ts'
import {
  appRole,
  fixedToken,
  jwtLogin,
  openbaoSource,
  wrappedAppRole,
} from '../../../src/vault/stores/openbao/openbao-vault.ts'
import { sealContents } from '../../../src/vault/stores/sealed/sealed-text.ts'
import {
  generateSealingKey,
  sealCredential,
  sealedVault,
  sealingPublicKey,
} from '../../../src/vault/stores/sealed/sealed-vault.ts'
import { AGENT, movableClock, OWNER, permission } from '../../vault/support.ts'
import { mutateBytes, mutateText, mutateValue, oddJson } from '../mutate.ts'
import type { Random } from '../random.ts'
import { type Reader, reader } from '../reader.ts'

const clock = movableClock()
const origin = 'https://api.example'
const errors = [VaultError]
/** An encrypted file of delegations; its box is never opened. */
const sealedDelegations = JSON.stringify({
  ...{ format: 'procura-delegations@1', name: 'assistant' },
  encryption: { kind: 'scrypt', salt: 'A'.repeat(43), cost: 131_072 },
  box: 'A'.repeat(80),
})

/** The response of a server. */
interface Answer {
  readonly status: number
  readonly body: string | Uint8Array
}

/** An answer with something wrong in it. */
function hostileAnswer(good: unknown): (random: Random) => Answer {
  return (random) => {
    const status = random.once(6) ? random.pick([204, 302, 400, 401, 403, 404, 418, 429, 500, 503]) : 200
    const text =
      typeof good === 'string' ? mutateText(good, random) : (JSON.stringify(mutateValue(good, random, oddJson)) ?? '')
    const bytes = random.once(8) ? mutateBytes(new TextEncoder().encode(text.slice(0, 3_000)), random) : text
    return { status, body: status === 204 ? '' : bytes }
  }
}

/** A host that answers so, whatever it is asked. */
function answering(...answers: readonly Answer[]): typeof fetch {
  let turn = 0
  return async () => {
    const { status, body } = answers[Math.min(turn++, answers.length - 1)] as Answer
    return new Response(status === 204 ? null : (body as string | Uint8Array<ArrayBuffer>), { status })
  }
}

const read = (source: SecretSource, reference = 'a'): Promise<unknown> => {
  const scope = source.scope?.(reference, permission({ path: '/crm/read' })) ?? ''
  return source.read(reference, { scope }).then((reading) => reading?.revoke?.({}))
}

const kv = {
  ...{ request_id: 'r', lease_id: '', renewable: false, lease_duration: 0 },
  data: {
    data: { user: 'u', password: 'p' },
    metadata: { version: 3, destroyed: false, deletion_time: '', created_time: '2026-01-01T00:00:00Z' },
  },
}
const database = { lease_id: 'database/creds/r/abc', lease_duration: 60, data: { username: 'u', password: 'p' } }
const login = { auth: { client_token: 's.token', lease_duration: 60, renewable: true } }
const unwrapped = {
  data: { secret_id: 'x', secret_id_accessor: 'y' },
  wrap_info: { creation_path: 'auth/approle/role/reports/secret-id' },
}
const bao = { address: 'https://bao.example:8200', clock }
const managed = {
  ARN: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm-AbCdEf',
  Name: 'crm',
  VersionId: 'v1',
  VersionStages: ['AWSCURRENT'],
  SecretString: 'canary',
}
const session = await sessionName(AGENT)
const assumed = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIACANARY</AccessKeyId><SecretAccessKey>canary-temporary</SecretAccessKey><SessionToken>canary/token==</SessionToken><Expiration>2026-01-01T00:15:00Z</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROA:${session}</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/reports/${session}</Arn></AssumedRoleUser><PackedPolicySize>6</PackedPolicySize></AssumeRoleResult></AssumeRoleResponse>`
const aws = { region: 'eu-central-1', keys: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI' }, clock }
const granted = {
  access_token: 'at',
  issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  token_type: 'Bearer',
  expires_in: 60,
  scope: 'a',
  refresh_token: 'rt',
}
const tokens = { tokenEndpoint: 'https://as.example/token', clientId: 'c' }

const sealing = await generateSealingKey()
const sealed = await sealCredential({
  ...{ publicKey: sealing.publicKey, secret: 'canary', roots: [OWNER], commands: ['/crm'] },
  ...{ origins: [origin], processor: bearer(), leasable: true },
})
const rules = JSON.stringify({
  origins: [origin],
  subjects: [OWNER],
  commands: ['/crm'],
  leasable: true,
  processor: { name: 'bearer' },
})
const opener = sealedVault({ privateKeys: [sealing.privateKey], origins: [origin], acceptPresented: true, clock })

const folder = mkdtempSync(join(tmpdir(), 'procura-fuzz-vault-'))
const keyBytes = new Uint8Array(32).fill(3)
const stored = await openFileVault({ path: join(folder, 'vault'), key: { bytes: keyBytes }, create: true })
await stored.put('a', { secret: 'canary', origins: [origin], processor: bearer(), leasable: true })
await createKeyFile(join(folder, 'key'))
await createSignerFile({ path: join(folder, 'signer'), clock })
const files = {
  vault: readFileSync(join(folder, 'vault')),
  key: readFileSync(join(folder, 'key')),
  signer: readFileSync(join(folder, 'signer')),
}
rmSync(folder, { recursive: true, force: true })

const gatewayFile = JSON.stringify({
  version: 1,
  listen: { socket: 'gateway.sock' },
  service: { key: 'service.key' },
  subjects: [OWNER],
  vault: { file: 'vault' },
  audit: { directory: 'log' },
  state: { file: 'state.db' },
  servers: {
    mail: { type: 'stdio', command: 'node', env: { LOG: '1' }, secretEnv: { MAIL_KEY: 'mail.MAIL_KEY' } },
    github: {
      type: 'http',
      url: 'https://api.example.com/mcp',
      secretHeaders: { Authorization: 'github.A', 'X-Key': 'github.A' },
    },
  },
  apis: {
    crm: { origin: 'https://crm.example.com', secretHeaders: { 'X-Key': 'crm.A' }, methods: ['GET'], paths: ['/v1'] },
  },
})

async function inFolder<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'procura-fuzz-'))
  try {
    return await run(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** All of them. */
export const vaultReaders: readonly Reader[] = [
  reader({
    of: 'vault/file openFileVault',
    input: (random) => {
      const [body = '', mac = ''] = files.vault.toString().split('\n')
      if (random.once(3)) return mutateBytes(files.vault, random)
      const changed = random.once(2)
        ? JSON.stringify(mutateValue(JSON.parse(body), random, oddJson))
        : mutateText(body, random)
      return new TextEncoder().encode(`${changed}\n${mac}\n`)
    },
    read: (bytes) =>
      inFolder(async (directory) => {
        const path = join(directory, 'vault')
        writeFileSync(path, bytes, { mode: 0o600 })
        const vault = await openFileVault({ path, key: { bytes: keyBytes } })
        await vault.lease('a', { authorization: permission() })
      }),
    errors,
    costs: 8,
  }),
  reader({
    of: 'vault/file revealCredentials',
    input: (random) => mutateBytes(files.vault, random),
    read: (bytes) =>
      inFolder(async (directory) => {
        const path = join(directory, 'vault')
        writeFileSync(path, bytes, { mode: 0o600 })
        await revealCredentials({ path, key: { bytes: keyBytes } })
      }),
    errors,
    costs: 8,
  }),
  reader({
    of: 'vault/file createKeyFile',
    input: (random) => mutateBytes(files.key, random),
    read: (bytes) =>
      inFolder(async (directory) => {
        const keyFile = join(directory, 'key')
        writeFileSync(keyFile, bytes, { mode: 0o600 })
        writeFileSync(join(directory, 'vault'), files.vault, { mode: 0o600 })
        await openFileVault({ path: join(directory, 'vault'), key: { keyFile } })
      }),
    errors,
    costs: 8,
  }),
  ...(['openSignerFile', 'rotateSignerFile', 'changeSignerFileKey', 'describeSignerFile'] as const).map((of) =>
    reader({
      of: `signer/file ${of}`,
      input: (random) => {
        if (random.once(3)) return mutateBytes(files.signer, random)
        const whole = JSON.parse(files.signer.toString())
        const changed = random.once(2)
          ? JSON.stringify(mutateValue(whole, random, oddJson))
          : mutateText(files.signer.toString(), random)
        return new TextEncoder().encode(changed)
      },
      read: (bytes) =>
        inFolder(async (directory) => {
          const path = join(directory, 'signer')
          writeFileSync(path, bytes, { mode: 0o600 })
          await (of === 'openSignerFile'
            ? openSignerFile({ path })
            : of === 'rotateSignerFile'
              ? rotateSignerFile({ path })
              : of === 'changeSignerFileKey'
                ? changeSignerFileKey({ path, key: { bytes: keyBytes }, newKey: { bytes: keyBytes } })
                : describeSignerFile({ path }))
        }),
      errors,
      costs: 8,
    }),
  ),
  reader({
    of: 'agent/file describeDelegationFile',
    input: (random) => {
      const changed = random.once(2)
        ? JSON.stringify(mutateValue(JSON.parse(sealedDelegations), random, oddJson))
        : mutateText(sealedDelegations, random)
      return new TextEncoder().encode(changed)
    },
    read: (bytes) =>
      inFolder(async (directory) => {
        const path = join(directory, 'delegations')
        writeFileSync(path, bytes, { mode: 0o600 })
        await describeDelegationFile({ path })
      }),
    errors: [StoreError],
    costs: 8,
  }),
  reader({
    of: 'procura-cli readGatewayConfig',
    input: (random) => {
      if (random.once(3)) return mutateBytes(new TextEncoder().encode(gatewayFile), random)
      const changed = random.once(2)
        ? JSON.stringify(mutateValue(JSON.parse(gatewayFile), random, oddJson))
        : mutateText(gatewayFile, random)
      return new TextEncoder().encode(changed)
    },
    read: (bytes) =>
      inFolder(async (directory) => {
        const path = join(directory, 'gateway.json')
        writeFileSync(path, bytes, { mode: 0o600 })
        await readGatewayConfig(path)
      }),
    errors: [ArgumentError],
    costs: 8,
  }),
  reader({
    of: 'vault/sealed sealedVault',
    input: (random) => `procura-sealed.1.${mutateText(sealed.slice('procura-sealed.1.'.length), random)}`,
    read: (text) => opener.lease(text, { authorization: permission({ path: '/crm/read' }) }),
    errors,
    costs: 2,
  }),
  reader({
    of: 'vault/sealed sealedVault, sealed by a stranger',
    input: async (random) => {
      const changed = mutateValue(JSON.parse(rules), random, oddJson)
      const text = random.once(3) ? mutateText(rules, random) : (JSON.stringify(changed) ?? 'null')
      const expiration = random.once(2) ? undefined : (oddJson(random) as never)
      const contents = { rules: text.slice(0, 8_000), secret: new Secret('canary'), expiration }
      return sealContents(sealing.publicKey, contents).catch(() => sealed)
    },
    read: (text) => opener.lease(text, { authorization: permission({ path: '/crm/read' }) }),
    errors,
    costs: 2,
  }),
  reader({
    of: 'vault/sealed sealingPublicKey',
    input: (random) => new Secret(random.bytes(random.once(2) ? 32 : 1 + random.below(80))),
    read: sealingPublicKey,
    errors: [ArgumentError, VaultError],
  }),
  reader({
    of: 'vault/sealed sealCredential',
    input: (random) => mutateBytes(sealing.publicKey, random),
    read: (publicKey) =>
      sealCredential({
        publicKey,
        secret: 'canary',
        roots: [OWNER],
        commands: ['/crm'],
        origins: [origin],
        processor: bearer(),
      }),
    errors: [ArgumentError, VaultError],
  }),
  reader({
    of: 'vault/env envVault',
    input: (random) => mutateText('canary', random),
    read: async (value) =>
      envVault({ credentials: { a: { variable: 'A', leasable: true } }, environment: { A: value } }).lease('a', {
        authorization: permission(),
      }),
    errors,
  }),
  reader({
    of: 'vault/openbao openbaoSource',
    input: hostileAnswer(kv),
    read: (answer) =>
      read(
        openbaoSource({
          ...bao,
          login: fixedToken('s.t'),
          secrets: { a: { engine: 'kv', path: 'x' } },
          fetch: answering(answer),
        }),
      ),
    errors,
  }),
  reader({
    of: 'vault/openbao openbaoSource, of a database',
    input: hostileAnswer(database),
    read: (answer) =>
      read(
        openbaoSource({
          ...bao,
          login: fixedToken('s.t'),
          secrets: { a: { engine: 'database', role: 'r' } },
          fetch: answering(answer),
        }),
      ),
    errors,
  }),
  ...[
    ['fixedToken', () => fixedToken('s.t')] as const,
    ['appRole', () => appRole({ roleId: 'r', secretId: 's' })] as const,
    ['jwtLogin', () => jwtLogin({ role: 'r', jwt: async () => 'a.b.c' })] as const,
    ['wrappedAppRole', () => wrappedAppRole({ roleId: 'r', roleName: 'reports', wrappingToken: 'w' })] as const,
  ].map(([name, logIn]) =>
    reader({
      of: `vault/openbao ${name}`,
      input: (random) => [
        hostileAnswer(name === 'wrappedAppRole' ? unwrapped : login)(random),
        hostileAnswer(login)(random),
        hostileAnswer(kv)(random),
      ],
      read: (answers) =>
        read(
          openbaoSource({
            ...bao,
            login: logIn(),
            secrets: { a: { engine: 'kv', path: 'x' } },
            fetch: answering(...answers),
          }),
        ),
      errors,
    }),
  ),
  reader({
    of: 'vault/aws secretsManagerSource',
    input: hostileAnswer(managed),
    read: (answer) =>
      read(secretsManagerSource({ ...aws, secrets: { a: { secretId: 'crm' } }, fetch: answering(answer) })),
    errors,
  }),
  reader({
    of: 'vault/aws assumeRoleSource',
    input: hostileAnswer(assumed),
    read: (answer) =>
      read(
        assumeRoleSource({
          ...aws,
          fetch: answering(answer),
          roles: {
            a: {
              roleArn: 'arn:aws:iam::123456789012:role/reports',
              grants: [
                { command: '/crm', statements: [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::a/*'] }] },
              ],
            },
          },
        }),
      ),
    errors,
  }),
  reader({
    of: 'vault/oauth tokenExchangeSource',
    input: hostileAnswer(granted),
    read: (answer) =>
      read(
        tokenExchangeSource({
          ...{
            ...tokens,
            clock,
            clientSecret: 's',
            revocationEndpoint: 'https://as.example/revoke',
            fetch: answering(answer),
          },
          exchanges: { a: { subjectToken: async () => ({ token: 'st' }), scopes: { '/crm': 'a b' } } },
        }),
      ),
    errors,
  }),
  ...[
    ['clientCredentials', clientCredentials({ ...tokens, scopes: { '/crm': 'a b' } })] as const,
    ['refreshToken', refreshToken(tokens)] as const,
  ].map(([name, processor]) =>
    reader({
      of: `vault/processors ${name}`,
      input: hostileAnswer(granted),
      read: (answer) =>
        memoryVault(
          { a: { secret: 'canary', origins: [origin], processor } },
          { clock, fetch: answering(answer, { status: 200, body: 'ok' }) },
        )
          .use({ reference: 'a', url: origin, authorization: permission() })
          .then((response) => response.text()),
      errors,
    }),
  ),
]
