import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parseCommand } from '../../src/core/capability/command.ts'
import { parseDid } from '../../src/core/did/did.ts'
import type { IpldValue } from '../../src/core/ipld/value.ts'
import { assumeRoleVault, secretsManagerSource, secretsManagerVault } from '../../src/entries/vault/aws.ts'
import type { Secret } from '../../src/vault/secret.ts'
import { type AwsGrant, sessionPolicies } from '../../src/vault/stores/aws/session-policy.ts'
import type { Vault } from '../../src/vault/vault.ts'
import {
  AGENT,
  invalidArgument,
  movableClock,
  NOON,
  permission,
  type Received,
  serveInTest,
  type TestServer,
  vaultError,
} from './support.ts'

async function start(
  answer: (received: Received) => { readonly status?: number; readonly body: string },
): Promise<TestServer> {
  return serveInTest((received, response) => {
    const { status = 200, body } = answer(received)
    response.writeHead(status).end(body)
  })
}

const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'canary-aws-secret-key' }
const common = { region: 'eu-central-1', keys, clock: movableClock(), resilience: { attempts: 1 } }
const refused = (code: Parameters<typeof vaultError>[0]): unknown => expect.objectContaining(vaultError(code))

/** The session name that `spec/vault.md` defines. */
function sessionNameOf(did: string): string {
  const hash = createHash('sha256').update(did).digest('base64url')
  return `${did.replace(/[^A-Za-z0-9+=,.@_-]/g, '-').slice(0, 41)}-${hash.slice(0, 22)}`
}

describe('session policies', () => {
  const compile = (
    grants: readonly AwsGrant[],
    args: { readonly [name: string]: IpldValue },
    command = '/s3/get',
  ): string => sessionPolicies(grants, 'a role').policyFor({ command: parseCommand(command), args })
  const get: AwsGrant = {
    command: '/s3/get',
    statements: [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::{bucket}/{key+}'] }],
  }

  it('VLT-18 contain the signed arguments of the call', () => {
    expect(JSON.parse(compile([get], { bucket: 'reports', key: '2026/q1 (a).csv' }))).toEqual({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['arn:aws:s3:::reports/2026/q1 (a).csv'] }],
    })
    const list: AwsGrant = {
      command: '/s3/list',
      statements: [
        {
          actions: ['s3:ListBucket'],
          resources: ['arn:aws:s3:::reports'],
          conditions: { StringEquals: { 's3:prefix': ['{folder}'] }, NumericEquals: { 's3:max-keys': ['{limit}'] } },
        },
      ],
    }
    expect(JSON.parse(compile([get, list], { folder: 'a', limit: 5 }, '/s3/list')).Statement[0].Condition).toEqual({
      StringEquals: { 's3:prefix': ['a'] },
      NumericEquals: { 's3:max-keys': ['5'] },
    })
  })

  it('VLT-18 come from the longest command that covers the call; without one the call is refused', () => {
    const wide: AwsGrant = { command: '/s3', statements: [{ actions: ['s3:Put*'], resources: ['*'] }] }
    expect(compile([wide, get], { bucket: 'a', key: 'b' })).toContain('s3:GetObject')
    expect(compile([wide, get], {}, '/s3/put')).toContain('s3:Put*')
    expect(() => compile([get], {}, '/s3/getall')).toThrow(refused('ERR_VAULT_DOWNSCOPE'))
  })

  const hostile: readonly (readonly [string, { readonly [name: string]: IpldValue }])[] = [
    ['a wildcard', { bucket: 'a', key: '*' }],
    ['a wildcard of one character', { bucket: 'a', key: 'b?' }],
    ['a policy variable', { bucket: 'a', key: `$\{aws:userid}` }],
    ['a slash in a segment: another bucket', { bucket: 'secrets/x', key: 'b' }],
    ['a colon: another service', { bucket: 'a:b', key: 'b' }],
    ['a step up', { bucket: 'a', key: 'x/../y' }],
    ['a dot segment', { bucket: '..', key: 'y' }],
    ['an empty segment', { bucket: 'a', key: 'x//y' }],
    ['nothing', { bucket: 'a', key: '' }],
    ['a quote, which would end the text', { bucket: 'a', key: '"],"x":["*' }],
    ['a line break', { bucket: 'a', key: 'b\nc' }],
    ['text beyond ASCII', { bucket: 'a', key: 'ä' }],
    ['a list', { bucket: 'a', key: ['b'] }],
    ['a fraction', { bucket: 'a', key: 1.5 }],
    ['a missing argument', { bucket: 'a' }],
    ['an inherited name', { bucket: 'a', toString: 'x' }],
  ]
  for (const [what, args] of hostile) {
    it(`VLT-39 refuse ${what}`, () => {
      expect(() => compile([get], args)).toThrow(refused('ERR_VAULT_DOWNSCOPE'))
    })
  }

  it('VLT-19 longer than AWS accepts are refused, not truncated', () => {
    const args = { bucket: 'a', key: 'k'.repeat(1_900) }
    const length = compile([get], args).length
    expect(compile([get], { ...args, key: args.key + 'k'.repeat(2_048 - length) }).length).toBe(2_048)
    expect(() => compile([get], { ...args, key: args.key + 'k'.repeat(2_049 - length) })).toThrow(
      refused('ERR_VAULT_DOWNSCOPE'),
    )
  })

  it('refuse invalid grants', () => {
    const statement = get.statements[0] as AwsGrant['statements'][number]
    for (const other of [
      { actions: [] },
      { resources: [] },
      { actions: ['*'] },
      { actions: ['GetObject'] },
      { resources: ['reports'] },
      { resources: ['arn:aws:s3:::{a b}'] },
      { resources: ['arn:aws:s3:::{'] },
      { conditions: { StringEquals: { k: ['{x'] } } },
    ]) {
      expect(() => sessionPolicies([{ command: '/a', statements: [{ ...statement, ...other }] }], 'a role')).toThrow(
        expect.objectContaining(invalidArgument),
      )
    }
    expect(() => sessionPolicies([], 'a role')).toThrow(expect.objectContaining(invalidArgument))
  })
})

describe('temporary keys', () => {
  const roleArn = 'arn:aws:iam::123456789012:role/service/reports'
  const session = sessionNameOf(AGENT)
  const answer = (
    arn: string,
    extra = '',
  ): string => `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
    <Credentials><AccessKeyId>ASIACANARY</AccessKeyId><SecretAccessKey>canary-temporary</SecretAccessKey><SessionToken>canary/token==</SessionToken><Expiration>2026-01-01T00:15:00Z</Expiration></Credentials>
    <AssumedRoleUser><AssumedRoleId>AROA:${session}</AssumedRoleId><Arn>${arn}</Arn></AssumedRoleUser>${extra}<PackedPolicySize>6</PackedPolicySize></AssumeRoleResult></AssumeRoleResponse>`
  const good = answer(`arn:aws:sts::123456789012:assumed-role/reports/${session}`)
  const vaultOf = (server: TestServer): Vault =>
    assumeRoleVault({
      ...common,
      endpoint: server.origin,
      credentials: {
        reports: {
          roleArn,
          externalId: 'x-1',
          leasable: true,
          grants: [
            { command: '/crm', statements: [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::a/{key}'] }] },
          ],
        },
      },
    })
  const lease = (server: TestServer, key = 'b'): ReturnType<Vault['lease']> =>
    vaultOf(server).lease('reports', { authorization: permission({ args: { key } }) })

  it('are requested with the policy, the shortest lifetime and the name of the invoker', async () => {
    const server = await start(() => ({ body: good }))
    const made = await lease(server)
    expect(made).toMatchObject({
      adapter: 'aws-sts',
      kind: 'derived',
      downscoped: true,
      version: 'ASIACANARY',
      expiresAt: NOON + 900,
    })
    const fields = ['accessKeyId', 'secretAccessKey', 'sessionToken'].map((name) => made.secret.revealField(name))
    expect(fields).toEqual(['ASIACANARY', 'canary-temporary', 'canary/token=='])
    expect(Object.fromEntries(new URLSearchParams(server.received[0]?.body))).toEqual({
      Action: 'AssumeRole',
      Version: '2011-06-15',
      RoleArn: roleArn,
      RoleSessionName: session,
      DurationSeconds: '900',
      ExternalId: 'x-1',
      Policy:
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::a/b"]}]}',
    })
  })

  it('are shared by simultaneous calls only if the policy is the same', async () => {
    const server = await start(() => ({ body: good }))
    const vault = vaultOf(server)
    const one = (key: string): Promise<unknown> =>
      vault.lease('reports', { authorization: permission({ args: { key } }) })
    await Promise.all([one('a'), one('a'), one('b')])
    expect(server.received.length).toBe(2)
  })

  it('VLT-38 differ for different invokers, under different session names, even for similar DIDs', async () => {
    const long = 'x'.repeat(80)
    const invokers = [
      'did:web:corp.example:payments',
      'did:web:corp.example-payments',
      'did:web:corp-example:payments',
      `did:web:corp.example:${long}`,
      `did:web:evil.example:${long}`,
      `did:web:corp.example:${long}y`,
      'did:web:corp.example%3A8443',
      'did:web:corp.example-3A8443',
      AGENT,
    ]
    const server = await start(({ body }) => {
      const asked = new URLSearchParams(body).get('RoleSessionName') ?? ''
      return { body: good.replaceAll(session, asked) }
    })
    const vault = vaultOf(server)
    for (const invoker of invokers) {
      await vault.lease('reports', { authorization: permission({ args: { key: 'b' }, invoker: parseDid(invoker) }) })
    }
    const names = server.received.map(({ body }) => new URLSearchParams(body).get('RoleSessionName') ?? '')
    expect(names).toEqual(invokers.map(sessionNameOf))
    expect(new Set(names).size).toBe(invokers.length)
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9+=,.@_-]{2,64}$/)
  })

  it('VLT-38 for another role or session are refused [attack 83]', async () => {
    for (const arn of [
      'arn:aws:sts::123456789012:assumed-role/admin/x',
      `arn:aws:sts::999999999999:assumed-role/reports/${session}`,
      '',
    ]) {
      const server = await start(() => ({ body: answer(arn) }))
      await expect(lease(server)).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    }
  })

  it('are refused when the response is malformed', async () => {
    for (const body of [
      '',
      'canary',
      good.replace('AccessKeyId>', 'X>'),
      good.replace('2026-01-01T00:15:00Z', 'soon'),
      answer('x', '<Arn>y</Arn>'),
      good.replace('canary-temporary', 'a<b/>c'),
    ]) {
      const server = await start(() => ({ body }))
      await expect(lease(server)).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    }
  })

  const errors = [
    ['PackedPolicyTooLarge', 'ERR_VAULT_DOWNSCOPE'],
    ['MalformedPolicyDocument', 'ERR_VAULT_DOWNSCOPE'],
    ['AccessDenied', 'ERR_VAULT_CONFIGURATION'],
    ['canary <>', 'ERR_VAULT_CONFIGURATION'],
    ['Throttling', 'ERR_VAULT_UNAVAILABLE'],
  ] as const
  for (const [code, expected] of errors) {
    it(`are refused when STS returns the error ${code}`, async () => {
      const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>canary</Message></Error></ErrorResponse>`
      const server = await start(() => ({ status: 400, body }))
      const error = (await lease(server).catch((caught: unknown) => caught)) as Error
      expect(error).toMatchObject(vaultError(expected))
      expect(error.message).not.toContain('canary')
    })
  }
})

describe('Secrets Manager', () => {
  const managed = {
    ARN: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm-AbCdEf',
    Name: 'crm',
    VersionId: 'v1',
    VersionStages: ['AWSCURRENT'],
    SecretString: 'canary-1',
  }
  const lease = (server: TestServer, secret: object = { secretId: 'crm' }): ReturnType<Vault['lease']> =>
    secretsManagerVault({
      ...common,
      endpoint: server.origin,
      credentials: { a: { ...(secret as { readonly secretId: string }), leasable: true } },
    }).lease('a', { authorization: permission() })

  it('receives a signed request in its own format', async () => {
    const server = await start(() => ({ body: JSON.stringify(managed) }))
    expect((await lease(server)).version).toBe('v1')
    expect(server.received[0]).toMatchObject({
      method: 'POST',
      url: '/',
      body: '{"SecretId":"crm","VersionStage":"AWSCURRENT"}',
      headers: {
        'x-amz-target': 'secretsmanager.GetSecretValue',
        'content-type': 'application/x-amz-json-1.1',
        authorization: expect.stringMatching(
          /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20260101\/eu-central-1\/secretsmanager\/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, /,
        ),
      },
    })
  })

  it('returns a text, one field of it, or bytes', async () => {
    const released = async (other: object, place: object = {}): Promise<Secret> => {
      const server = await start(() => ({ body: JSON.stringify({ ...managed, ...other }) }))
      return (await lease(server, { secretId: 'crm', ...place })).secret
    }
    expect((await released({})).reveal()).toBe('canary-1')
    expect((await released({ SecretString: '{"token":"canary-2"}' }, { field: 'token' })).reveal()).toBe('canary-2')
    const binary = await released({ SecretString: undefined, SecretBinary: 'AP+AQQ==' })
    expect([...binary.revealBytes()]).toEqual([0, 255, 128, 65])
    await expect(released({ SecretString: undefined, SecretBinary: '%%%' })).rejects.toThrow('not base64')
    for (const none of [7, '']) {
      await expect(released({ SecretString: none, SecretBinary: none })).rejects.toThrow('returned no secret')
    }
  })

  it('VLT-41 returns another secret or stage: the lease is refused [attack 83]', async () => {
    for (const other of [
      { Name: 'billing' },
      { VersionStages: ['AWSPREVIOUS'] },
      { VersionStages: undefined },
      { VersionId: 5 },
      { SecretString: undefined },
      { SecretString: undefined, SecretBinary: '%%%' },
    ]) {
      const server = await start(() => ({ body: JSON.stringify({ ...managed, ...other }) }))
      await expect(lease(server), JSON.stringify(other)).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    }
    const server = await start(() => ({ body: JSON.stringify(managed) }))
    await expect(lease(server, { secretId: managed.ARN.replace('crm', 'x') })).rejects.toMatchObject(
      vaultError('ERR_VAULT_INTEGRITY'),
    )
    await expect(lease(server, { secretId: 'crm', field: 'token' })).rejects.toMatchObject(
      vaultError('ERR_VAULT_INTEGRITY'),
    )
  })

  const errors = [
    ['ResourceNotFoundException', 'ERR_VAULT_UNKNOWN_REFERENCE'],
    ['com.amazonaws.secretsmanager#ResourceNotFoundException', 'ERR_VAULT_UNKNOWN_REFERENCE'],
    ['InvalidRequestException', 'ERR_VAULT_REVOKED'],
    ['AccessDeniedException', 'ERR_VAULT_CONFIGURATION'],
    ['ThrottlingException', 'ERR_VAULT_UNAVAILABLE'],
  ] as const
  for (const [code, expected] of errors) {
    it(`gets no secret out of the error ${code}`, async () => {
      const server = await start(() => ({ status: 400, body: JSON.stringify({ __type: code, Message: 'canary' }) }))
      await expect(lease(server)).rejects.toMatchObject(vaultError(expected))
    })
  }

  it('calls a function for the keys before each request', async () => {
    let asked = 0
    const server = await start(() => ({ body: JSON.stringify(managed) }))
    const rotating = async (): Promise<typeof keys> => {
      asked += 1
      return { ...keys, accessKeyId: `AKID${asked}` }
    }
    const { region, clock } = common
    const source = secretsManagerSource({
      region,
      clock,
      keys: rotating,
      endpoint: server.origin,
      secrets: { a: { secretId: 'crm' } },
    })
    await source.read('a', { scope: '' })
    await source.read('a', { scope: '' })
    expect(server.received.map(({ headers }) => /Credential=(\w+)/.exec(String(headers.authorization))?.[1])).toEqual([
      'AKID1',
      'AKID2',
    ])
  })

  it('refuses invalid options', () => {
    const make =
      (extra: object): (() => unknown) =>
      () =>
        secretsManagerVault({ ...common, credentials: { a: { secretId: 'crm', leasable: true } }, ...extra })
    for (const extra of [
      { region: 'Frankfurt' },
      { region: 'eu-central-1.evil.example' },
      { endpoint: 'http://aws.example' },
      { keys: 'text' },
      { keys: { accessKeyId: 'a' } },
      { credentials: {} },
      { credentials: { a: { secretId: '', leasable: true } } },
    ]) {
      expect(make(extra), JSON.stringify(extra)).toThrow(expect.objectContaining(invalidArgument))
    }
    const role =
      (extra: object): (() => unknown) =>
      () =>
        assumeRoleVault({
          ...common,
          credentials: {
            a: {
              roleArn: 'arn:aws:iam::123456789012:role/a',
              leasable: true,
              grants: [{ command: '/a', statements: [{ actions: ['s3:Put*'], resources: ['*'] }] }],
              ...extra,
            },
          },
        })
    expect(role({})).not.toThrow()
    for (const extra of [{ roleArn: 'a' }, { durationSeconds: 60 }, { durationSeconds: 50_000 }, { grants: [] }]) {
      expect(role(extra)).toThrow(expect.objectContaining(invalidArgument))
    }
  })
})

describe('conditions of a session policy', () => {
  const statement = { actions: ['s3:GetObject'], resources: ['arn:aws:s3:::reports/*'] }
  const make = (conditions: unknown) => (): unknown =>
    sessionPolicies([{ command: '/a', statements: [{ ...statement, conditions } as never] }], 'a role')

  it('are read with their operators, keys and values', () => {
    expect(make({ StringEquals: { 's3:prefix': ['a', '{folder}'] } })).not.toThrow()
  })

  it.each([
    7,
    'x',
    [],
    { StringEquals: 7 },
    { StringEquals: null },
    { StringEquals: ['x'] },
    { StringEquals: {} },
    { StringEquals: { 's3:prefix': 'x' } },
    { StringEquals: { 's3:prefix': [] } },
    { StringEquals: { 's3:prefix': [7] } },
    { StringEquals: { 's3:prefix': [undefined] } },
    { StringEquals: { 's3:prefix': ['a'] }, NumericEquals: { 's3:max-keys': 1 } },
  ])('GRD-09 VLT-39 are refused when the vault is made, if they would restrict nothing: %j', (conditions) => {
    expect(make(conditions)).toThrow(expect.objectContaining(invalidArgument))
  })
})
