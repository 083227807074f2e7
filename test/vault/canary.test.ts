import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assumeRoleVault, secretsManagerVault } from '../../src/entries/vault/aws.ts'
import { basic } from '../../src/vault/processors/basic.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { clientCredentials } from '../../src/vault/processors/client-credentials.ts'
import { header } from '../../src/vault/processors/header.ts'
import { headers } from '../../src/vault/processors/headers.ts'
import { hmac } from '../../src/vault/processors/hmac.ts'
import { query } from '../../src/vault/processors/query.ts'
import { refreshToken } from '../../src/vault/processors/refresh-token.ts'
import { sigV4 } from '../../src/vault/processors/sigv4.ts'
import type { CredentialOptions } from '../../src/vault/rules/credential-rules.ts'
import { envVault } from '../../src/vault/stores/env/env-vault.ts'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { tokenExchangeVault } from '../../src/vault/stores/oauth/token-exchange.ts'
import { appRole, jwtLogin, openbaoVault, wrappedAppRole } from '../../src/vault/stores/openbao/openbao-vault.ts'
import { generateSealingKey, sealCredential, sealedVault } from '../../src/vault/stores/sealed/sealed-vault.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { inCi } from '../property/runs.ts'
import { withShortStacks } from '../support/short-stacks.ts'
import { AGENT, OWNER, permission, type Received, serve, type TestServer } from './support.ts'

withShortStacks()

/** The text that every secret in this file contains, and its encodings. */
const canary = 'kanarie7Vx9Qz'
const forms = [
  canary,
  ...[0, 1, 2].map((before) =>
    Buffer.from('\0'.repeat(before) + canary)
      .toString('base64')
      .slice(before === 0 ? 0 : before + 1, -3),
  ),
  Buffer.from(canary).toString('hex'),
]
const secretText = `sk-${canary}-1`
const pair = { username: `u-${canary}`, password: `p-${canary}` }
const awsKeys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: `aws-${canary}` }

let upstream: TestServer
let folder: string

/** An upstream that repeats the whole request, in every way in which an upstream can fail. */
function repeat({ headers, url, body }: Received): string {
  return JSON.stringify({ headers, url, body, encoded: Buffer.from(String(headers.authorization)).toString('base64') })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-canary-'))
  upstream = await serve((received, response) => {
    const echo = repeat(received)
    const path = new URL(received.url, 'http://x').pathname
    const headers = {
      'x-echo': String(received.headers.authorization ?? received.url),
      'set-cookie': `s=${secretText}`,
    }
    if (path === '/echo') response.writeHead(200, headers).end(echo)
    else if (path === '/error') response.writeHead(500, headers).end(echo)
    else if (path === '/elsewhere')
      response
        .writeHead(302, { ...headers, location: `https://evil.example/?${encodeURIComponent(echo.slice(0, 500))}` })
        .end(echo)
    else if (path === '/loop') response.writeHead(302, { ...headers, location: received.url }).end(echo)
    else if (path === '/broken-location') response.writeHead(302, { location: `http://[${secretText}` }).end()
    else if (path === '/odd') response.writeHead(799, headers).end(echo)
    else if (path === '/reset') response.destroy()
    else if (path === '/cut') {
      response.writeHead(200, { ...headers, 'content-length': '100000' }).write(echo)
      setTimeout(() => response.destroy(), 5)
    } else if (path === '/not-gzip') response.writeHead(200, { ...headers, 'content-encoding': 'gzip' }).end(echo)
    else if (path === '/hang') response.writeHead(100)
    else response.writeHead(404, headers).end(echo)
  })
})
afterAll(async () => {
  await upstream.close()
  rmSync(folder, { recursive: true, force: true })
})

/** All that a program could log of a value. */
function everythingOf(value: unknown): string {
  const texts = [inspect(value, { depth: 12, showHidden: true, getters: true, maxStringLength: null }), String(value)]
  try {
    texts.push(JSON.stringify(value) ?? '')
  } catch {
    texts.push('')
  }
  for (let error: unknown = value, depth = 0; error instanceof Error && depth < 9; error = error.cause, depth += 1) {
    texts.push(error.name, error.message, error.stack ?? '', JSON.stringify(Object.getOwnPropertyDescriptors(error)))
  }
  return texts.join('\n')
}

/** The ways in which a program reads a body. */
const readings: Readonly<Record<string, (response: Response) => Promise<unknown>>> = {
  text: (response) => response.text(),
  chunks: async (response) => {
    const chunks: string[] = []
    for await (const chunk of response.body ?? []) chunks.push(Buffer.from(chunk).toString('latin1'))
    return chunks
  },
  clone: async (response) => [
    await response.clone().text(),
    Buffer.from(await response.arrayBuffer()).toString('latin1'),
  ],
  cancel: (response) => response.body?.cancel() ?? Promise.resolve(),
}

async function everythingOfResponse(response: Response, reading = 'text'): Promise<string> {
  const body = await readings[reading]?.(response).catch((error: unknown) => error)
  return [
    response.url,
    response.statusText,
    JSON.stringify([...response.headers]),
    everythingOf(body),
    JSON.stringify(body),
    everythingOf(response),
  ].join('\n')
}

/** Runs one path, captures all output meanwhile, and searches it for the canary. */
async function expectSilence(what: string, run: () => Promise<unknown>, reading?: string): Promise<void> {
  const printed: string[] = []
  const restore = [process.stdout, process.stderr].map((stream) => {
    const { write } = stream
    stream.write = ((chunk: string | Uint8Array) => {
      printed.push(String(chunk))
      return true
    }) as typeof stream.write
    return () => {
      stream.write = write
    }
  })
  let seen: string
  try {
    const outcome = await run().catch((error: unknown) => error)
    seen = outcome instanceof Response ? await everythingOfResponse(outcome, reading) : everythingOf(outcome)
  } finally {
    for (const undo of restore) undo()
  }
  const text = `${seen}${printed.join('')}`
  expect(
    forms.filter((form) => text.includes(form)),
    what,
  ).toEqual([])
}

/** One way in which a use fails or returns an echo, and how the body is read. */
type Way = readonly [what: string, run: () => Promise<unknown>, reading?: string]

/** Paths of the upstream; each fails or repeats the request. */
const paths = ['echo', 'error', 'elsewhere', 'loop', 'broken-location', 'odd', 'reset', 'cut', 'not-gzip', 'missing']

/**
 * More than two hundred ways if `CI` is set. Otherwise a vault gets a part of them, and the next vault another part, so
 * that all vaults together get each of them.
 */
function waysOf(vault: Vault, turn: number): readonly Way[] {
  const origin = upstream.origin
  const use = (url: string, extra: object = {}, options: object = {}): Promise<Response> =>
    vault.use(
      { reference: 'a', authorization: permission({ args: { key: 'k' } }), url, headers: { 'x-mine': 'x' }, ...extra },
      options,
    )
  const used = permission()
  used.consume(0)
  const requests: Readonly<Record<string, object>> = {
    get: {},
    head: { method: 'HEAD' },
    rerouted: { headers: { host: 'evil.example', forwarded: 'host=evil.example', 'x-http-method-override': 'PUT' } },
    post: { method: 'POST', body: 'hello', headers: { authorization: 'Bearer guess', cookie: 'a=b' } },
    bytes: { method: 'POST', body: new Uint8Array(20_000).fill(0x61) },
  }
  const every = paths.flatMap((path) =>
    Object.entries(requests).flatMap(([name, extra]) =>
      Object.keys(readings).map(
        (reading): Way => [`${name} ${path} ${reading}`, () => use(`${origin}/${path}`, extra), reading],
      ),
    ),
  )
  const sent = every.filter((_, index) => (index + (index >> 2) + turn) % share === 0)
  const aborted = [0, 1, 3, 10].flatMap((ms) =>
    ['echo', 'cut', 'hang'].map(
      (path): Way => [
        `${path} given up after ${ms} ms`,
        () => use(`${origin}/${path}`, {}, { signal: AbortSignal.timeout(ms) }),
      ],
    ),
  )
  const targets = [
    'https://evil.example/',
    origin.replace('//', '//u:p@'),
    origin.replace('127.0.0.1', 'localhost'),
    `${origin}@evil.example/`,
    `https${origin.slice(4)}`,
    'file:///etc/passwd',
    `data:text/plain,${origin}`,
    'nothing',
    '',
  ]
  const failing = (error: unknown) => (): Promise<never> => Promise.reject(error)
  const others: readonly Way[] = [
    ...aborted,
    ...targets.map((url): Way => [`the target ${url}`, () => use(url)]),
    ['an upstream that hangs', () => use(`${origin}/hang`)],
    ...['DELETE', 'TRACE', 'CONNECT', 'get', ''].map(
      (method): Way => [`the method ${method}`, () => use(`${origin}/echo`, { method })],
    ),
    ['another reference', () => use(`${origin}/echo`, { reference: 'b' })],
    ['another command', () => use(`${origin}/echo`, { authorization: permission({ path: '/mail' }) })],
    ['a used authorization', () => use(`${origin}/echo`, { authorization: used })],
    ['no authorization', () => use(`${origin}/echo`, { authorization: {} })],
    ['an authorization that has ended', () => use(`${origin}/echo`, { authorization: permission({ expiration: 1 }) })],
    ['a revoked call', () => use(`${origin}/echo`, {}, { recheck: () => false })],
    ['a broken recheck', () => use(`${origin}/echo`, {}, { recheck: failing(new Error('down')) })],
    [
      'an audit that fails',
      () =>
        use(
          `${origin}/echo`,
          {},
          { onRelease: (release: object) => Promise.reject(Object.assign(new Error('full'), { release })) },
        ),
    ],
    ['an invalid header', () => use(`${origin}/echo`, { headers: { 'a b': 'c' } })],
    ['a lease that is not allowed', () => vault.lease('a', { authorization: permission({ args: { key: 'k' } }) })],
    ['the vault itself', async () => vault],
  ]
  return [...sent, ...others.filter((_, index) => inCi || (index + turn) % 4 === 0)]
}

/** A vault gets one request of this many. There are more vaults. */
const share = inCi ? 1 : 16
let turns = 0

/** Runs all ways. */
async function expectSilentVault(name: string, vault: Vault): Promise<void> {
  const ways = waysOf(vault, turns)
  turns += 1
  expect(ways.length).toBeGreaterThan(200 / share)
  for (const [what, run, reading] of ways) await expectSilence(`${name}: ${what}`, run, reading)
}

const rules = (processor: CredentialOptions['processor']): CredentialOptions => ({
  origins: [upstream.origin],
  methods: ['GET', 'HEAD', 'POST'],
  commands: ['/crm'],
  ...(processor !== undefined && { processor }),
})
const limits = { upstreamTimeoutMs: 60, readTimeoutMs: 500 }

/** A service that stores secrets. It works until the secret is out, or fails while it repeats the request. */
async function backend(
  answer: (
    received: Received,
  ) =>
    | { readonly status?: number; readonly body: string; readonly headers?: Record<string, string> }
    | 'hang'
    | 'reset',
): Promise<TestServer> {
  return serve((received, response) => {
    const given = answer(received)
    if (given === 'hang') return
    if (given === 'reset') return void response.destroy()
    response.writeHead(given.status ?? 200, given.headers).end(given.body)
  })
}

/** Failures of such a service, each with the whole request, including the secrets, in its response. */
const failures: readonly (readonly [string, (received: Received) => ReturnType<Parameters<typeof backend>[0]>])[] = [
  ['no JSON', (received) => ({ body: `oops ${repeat(received)}` })],
  ['an echo', (received) => ({ body: repeat(received) })],
  ['a list', (received) => ({ body: `[${repeat(received)}]` })],
  [
    'a refusal',
    (received) => ({
      status: 403,
      body: JSON.stringify({
        errors: [repeat(received)],
        error: `x ${secretText}`,
        error_description: repeat(received),
        __type: secretText,
        Message: repeat(received),
      }),
    }),
  ],
  [
    'a bad request',
    (received) => ({
      status: 400,
      body: `<Error><Code>${secretText}</Code><Message>${repeat(received)}</Message></Error>`,
    }),
  ],
  ['a fault', (received) => ({ status: 500, body: repeat(received) })],
  [
    'a redirect',
    (received) => ({
      status: 307,
      body: '',
      headers: { location: `https://evil.example/?${encodeURIComponent(received.body).slice(0, 500)}` },
    }),
  ],
  [
    'another shape',
    () => ({
      body: JSON.stringify({
        access_token: secretText,
        token_type: secretText,
        data: secretText,
        auth: { client_token: [secretText] },
        Name: secretText,
        SecretString: secretText,
      }),
    }),
  ],
  [
    'a number for a secret',
    () => ({
      body: JSON.stringify({
        auth: { client_token: secretText, lease_duration: 'x' },
        data: { data: { a: secretText } },
        ARN: secretText,
      }),
    }),
  ],
  ['a reset', () => 'reset'],
  ['nothing', () => 'hang'],
]

describe('a secret in failing calls [attack 77]', () => {
  const processors = {
    bearer: () => [bearer(), secretText] as const,
    header: () => [header({ name: 'x-api-key', format: 'Key {secret}' }), secretText] as const,
    basic: () => [basic(), pair] as const,
    headers: () => [headers({ fields: { Authorization: 'username', 'X-Key': 'password' } }), pair] as const,
    query: () => [query({ name: 'api_key' }), secretText] as const,
    hmac: () => [hmac({ header: 'x-signature', timestampHeader: 'x-time' }), secretText] as const,
    sigV4: () => [sigV4({ region: 'eu-central-1', service: 's3' }), awsKeys] as const,
  }
  for (const [name, make] of Object.entries(processors)) {
    it(`appears nowhere when ${name} sends it from memory`, async () => {
      const [processor, secret] = make()
      const vault = memoryVault({ a: { ...rules(processor), secret } }, limits)
      await expectSilentVault(name, vault)
    })
  }

  it('appears nowhere when it is kept in the environment, a file or a sealed text', async () => {
    const environment = { SECRET: secretText }
    const env = envVault({ environment, credentials: { a: { ...rules(bearer()), variable: 'SECRET' } }, ...limits })
    await expectSilentVault('env', env)

    const path = join(folder, 'file')
    const key = { passphrase: `correct ${canary}` }
    const file = await openFileVault({ path, key, create: true, scryptCost: 16_384, ...limits })
    await file.put('a', { ...rules(bearer()), secret: secretText })
    await expectSilentVault('file', file)
    for (const [what, run] of [
      ['list', () => file.list()],
      ['another key', () => openFileVault({ path, key: { passphrase: `wrong ${canary}` } })],
      ['a short passphrase', () => openFileVault({ path: `${path}2`, key: { passphrase: 'short' }, create: true })],
      ['no credential', () => file.rotate('b', secretText)],
      ['wrong rules', () => file.put('b', { ...rules(bearer()), secret: secretText, methods: ['get'] })],
      ['an empty secret', () => file.put('b', { ...rules(bearer()), secret: '' })],
    ] as const) {
      await expectSilence(`file ${what}`, run)
    }

    const sealing = await generateSealingKey()
    const text = await sealCredential({
      publicKey: sealing.publicKey,
      secret: secretText,
      roots: [OWNER],
      ...rules(bearer()),
      commands: ['/crm'],
    })
    const sealed = sealedVault({
      privateKeys: [sealing.privateKey],
      origins: [upstream.origin],
      credentials: { a: text, b: `${text}AAAA` },
      ...limits,
    })
    await expectSilentVault('sealed', sealed)
    await expectSilence('sealing key', async () => sealing)
  })

  it('appears nowhere when tokens are derived from it', async () => {
    const token = {
      access_token: `at-${canary}`,
      token_type: 'Bearer',
      expires_in: 900,
      refresh_token: `rt2-${canary}`,
    }
    const server = await backend(() => ({ body: JSON.stringify(token) }))
    const tokenEndpoint = `${server.origin}/token`
    const secret = { refreshToken: `rt-${canary}`, clientSecret: `cs-${canary}` }
    const refreshing = memoryVault({ a: { ...rules(refreshToken({ tokenEndpoint, clientId: 'c' })), secret } }, limits)
    await expectSilentVault('refresh', refreshing)
    const client = memoryVault(
      { a: { ...rules(clientCredentials({ tokenEndpoint, clientId: 'c' })), secret: secretText } },
      limits,
    )
    await expectSilentVault('client', client)
    await server.close()
    for (const [what, answer] of failures) {
      const failing = await backend(answer)
      const at = `${failing.origin}/token`
      const one = memoryVault(
        { a: { ...rules(refreshToken({ tokenEndpoint: at, clientId: 'c' })), secret } },
        { ...limits, readTimeoutMs: 60 },
      )
      const two = memoryVault(
        {
          a: {
            ...rules(clientCredentials({ tokenEndpoint: at, clientId: 'c', authentication: 'post' })),
            secret: secretText,
          },
        },
        { ...limits, readTimeoutMs: 60 },
      )
      for (const vault of [one, two]) {
        await expectSilence(`token endpoint ${what}`, () =>
          vault.use({ reference: 'a', authorization: permission(), url: `${upstream.origin}/echo` }),
        )
      }
      await failing.close()
    }
  })

  /** Vaults over a remote service at an address. */
  const remote: Readonly<Record<string, (address: string) => Vault>> = {
    'OpenBao by AppRole': (address) =>
      openbaoVault({
        address,
        login: appRole({ roleId: 'r', secretId: secretText }),
        credentials: { a: { engine: 'kv', path: 'p', field: 'a', ...rules(bearer()) } },
        resilience,
        ...limits,
      }),
    'OpenBao by a wrapped secret id': (address) =>
      openbaoVault({
        address,
        login: wrappedAppRole({ roleId: 'r', roleName: 'n', wrappingToken: secretText }),
        credentials: { a: { engine: 'database', role: 'p', ...rules(basic()) } },
        resilience,
        ...limits,
      }),
    'OpenBao by JWT': (address) =>
      openbaoVault({
        address,
        login: jwtLogin({ role: 'r', jwt: () => secretText }),
        credentials: { a: { engine: 'database', role: 'p', ...rules(basic()) } },
        resilience,
        ...limits,
      }),
    'AWS Secrets Manager': (endpoint) =>
      secretsManagerVault({
        region: 'eu-central-1',
        keys: awsKeys,
        endpoint,
        credentials: { a: { secretId: 's', ...rules(bearer()) } },
        resilience,
        ...limits,
      }),
    'AWS STS': (endpoint) =>
      assumeRoleVault({
        region: 'eu-central-1',
        keys: () => ({ ...awsKeys, sessionToken: secretText }),
        endpoint,
        credentials: {
          a: {
            roleArn: 'arn:aws:iam::123456789012:role/r',
            grants: [
              { command: '/crm', statements: [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::b/{key}'] }] },
            ],
            ...rules(sigV4({ region: 'eu-central-1', service: 's3' })),
          },
        },
        resilience,
        ...limits,
      }),
    'token exchange': (origin) =>
      tokenExchangeVault({
        tokenEndpoint: `${origin}/token`,
        revocationEndpoint: `${origin}/revoke`,
        clientId: 'c',
        clientSecret: `cs-${canary}`,
        credentials: {
          a: {
            subjectToken: async () => ({ token: `st-${canary}` }),
            actorToken: async () => ({ token: `ac-${canary}` }),
            ...rules(bearer()),
          },
        },
        resilience,
        ...limits,
      }),
  }
  const resilience = { attempts: 1, attemptTimeoutMs: 60 }
  /** Correct responses for all of them. */
  const well = (received: Received): { readonly body: string } => {
    const auth = { client_token: `hvs-${canary}`, lease_duration: 900 }
    const lease = received.url.includes('creds') ? { lease_id: 'database/creds/p/1', lease_duration: 60 } : {}
    const data = received.url.includes('creds')
      ? pair
      : received.url.includes('wrapping')
        ? { creation_path: 'auth/approle/role/n/secret-id', secret_id: secretText }
        : { data: { a: secretText }, metadata: { version: 1, destroyed: false, deletion_time: '' } }
    const managed = { Name: 's', VersionId: 'v', VersionStages: ['AWSCURRENT'], SecretString: secretText }
    const token = {
      access_token: `at-${canary}`,
      token_type: 'Bearer',
      expires_in: 60,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    }
    if (received.body.includes('AssumeRole')) {
      const session = AGENT.replaceAll(':', '-')
      return {
        body: `<R><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>t-${canary}</SecretAccessKey><SessionToken>${secretText}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration><Arn>arn:aws:sts::123456789012:assumed-role/r/${session}</Arn></R>`,
      }
    }
    return { body: JSON.stringify({ auth, ...lease, data, ...managed, ...token }) }
  }
  for (const [at, [name, make]] of Object.entries(remote).entries()) {
    it(`appears nowhere when it comes from ${name}`, async () => {
      const server = await backend(well)
      const vault = make(server.origin)
      await expectSilentVault(name, vault)
      await server.close()
      // Each failure is tried with each service in CI, and with two of the six elsewhere.
      const chosen = failures.filter((_, index) => inCi || (index + at) % 3 === 0)
      for (const [what, answer] of chosen) {
        const failing = await backend(answer)
        const use = (): Promise<Response> =>
          make(failing.origin).use({
            reference: 'a',
            authorization: permission({ args: { key: 'k' } }),
            url: `${upstream.origin}/echo`,
          })
        await expectSilence(`${name} ${what}`, use)
        await failing.close()
        // The login succeeds and the next step fails.
        let calls = 0
        const later = await backend((received) => {
          calls += 1
          return calls === 1 ? well(received) : answer(received)
        })
        await expectSilence(`${name}, later, ${what}`, () =>
          make(later.origin).use({
            reference: 'a',
            authorization: permission({ args: { key: 'k' } }),
            url: `${upstream.origin}/echo`,
          }),
        )
        await later.close()
      }
    })
  }
})
