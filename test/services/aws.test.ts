import { beforeAll, describe, expect, it } from 'vitest'
import { parseCommand } from '../../src/core/capability/command.ts'
import { assumeRoleVault, secretsManagerVault } from '../../src/entries/vault/aws.ts'
import { sigV4 } from '../../src/vault/processors/sigv4.ts'
import { sessionName } from '../../src/vault/stores/aws/assume-role.ts'
import { signAwsRequest } from '../../src/vault/stores/aws/sign-request.ts'
import { AGENT, permission, vaultError } from '../vault/support.ts'

const endpoint = process.env['PROCURA_AWS'] ?? ''
const region = 'eu-central-1'
const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }

/** Calls Secrets Manager as an operator does. */
async function manage(operation: string, body: object): Promise<{ readonly ARN: string; readonly VersionId: string }> {
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  const headers = new Headers({
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `secretsmanager.${operation}`,
  })
  const request = { method: 'POST', url: new URL(endpoint), headers, body: bytes }
  const scope = { region, service: 'secretsmanager', time: Math.floor(Date.now() / 1000) }
  const signed = await signAwsRequest(request, keys, scope)
  const response = await fetch(signed.url, { method: 'POST', headers: signed.headers, body: bytes })
  expect(response.status).toBe(200)
  return (await response.json()) as { readonly ARN: string; readonly VersionId: string }
}

describe('AWS Secrets Manager', () => {
  let arn: string
  beforeAll(async () => {
    arn = (await manage('CreateSecret', { Name: 'crm/api', SecretString: '{"token":"canary-1","user":"u"}' })).ARN
    await manage('CreateSecret', { Name: 'binary', SecretBinary: Buffer.from([1, 2, 255]).toString('base64') })
  })

  const vault = (): ReturnType<typeof secretsManagerVault> =>
    secretsManagerVault({
      region,
      keys,
      endpoint,
      readTimeoutMs: 100_000,
      credentials: {
        whole: { secretId: 'crm/api', leasable: true },
        token: { secretId: arn, field: 'token', leasable: true },
        binary: { secretId: 'binary', leasable: true },
        before: { secretId: 'crm/api', versionStage: 'AWSPREVIOUS', leasable: true },
        missing: { secretId: 'nothing', leasable: true },
      },
    })
  const lease = (
    name: string,
  ): Promise<{ readonly version: string; readonly secret: { revealBytes(): Uint8Array; reveal(): string } }> =>
    vault().lease(name, { authorization: permission() })

  it('gives secrets by name and by ARN, whole or one field', async () => {
    expect((await lease('whole')).secret.reveal()).toBe('{"token":"canary-1","user":"u"}')
    expect((await lease('token')).secret.reveal()).toBe('canary-1')
    expect((await lease('binary')).secret.revealBytes()).toEqual(Uint8Array.from([1, 2, 255]))
    await expect(lease('missing')).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
  })

  it('gives the version of the stage that was asked for', async () => {
    const first = await lease('whole')
    const { VersionId } = await manage('PutSecretValue', { SecretId: 'crm/api', SecretString: '{"token":"canary-2"}' })
    const second = await lease('whole')
    expect([second.version, second.secret.reveal()]).toEqual([VersionId, '{"token":"canary-2"}'])
    expect((await lease('before')).version).toBe(first.version)
  })
})

describe('AWS STS', () => {
  const vault = assumeRoleVault({
    region,
    keys,
    endpoint,
    // moto loads the program of a service at its first request.
    readTimeoutMs: 100_000,
    credentials: {
      reports: {
        roleArn: 'arn:aws:iam::123456789012:role/service/reports',
        grants: [
          {
            command: '/reports/read',
            statements: [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::reports/{key+}'] }],
          },
        ],
        origins: [new URL(endpoint || 'http://127.0.0.1').origin],
        processor: sigV4({ region, service: 'sts' }),
        methods: ['POST'],
        leasable: true,
      },
    },
  })
  const call = (key: string): ReturnType<typeof permission> =>
    permission({ command: parseCommand('/reports/read'), args: { key } })

  it('gives temporary keys under a session policy, named after the invoker', async () => {
    const lease = await vault.lease('reports', { authorization: call('2026/q1.csv') })
    expect(lease).toMatchObject({ kind: 'derived', downscoped: true })
    expect(lease.secret.fieldNames()).toEqual(['accessKeyId', 'secretAccessKey', 'sessionToken'])
    const inMinutes = ((lease.expiresAt ?? 0) - Date.now() / 1000) / 60
    expect(inMinutes).toBeGreaterThan(13)
    expect(inMinutes).toBeLessThan(17)
  })

  it('signs calls with them', async () => {
    const authorization = call('2026/q1.csv')
    const response = await vault.use({
      reference: 'reports',
      authorization,
      url: endpoint,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'Action=GetCallerIdentity&Version=2011-06-15',
    })
    expect(response.status).toBe(200)
    const session = await sessionName(AGENT)
    expect(await response.text()).toContain(`<Arn>arn:aws:sts::123456789012:assumed-role/reports/${session}</Arn>`)
  })

  it('gives no keys for an ambiguous argument', async () => {
    for (const key of ['*', 'a/../../other', 'a?', `$\{aws:username}`]) {
      await expect(vault.lease('reports', { authorization: call(key) })).rejects.toMatchObject(
        vaultError('ERR_VAULT_DOWNSCOPE'),
      )
    }
  })
})
