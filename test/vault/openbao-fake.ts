/**
 * A fake of an OpenBao server. It responds in the shapes of its API documentation, and refuses every request of an
 * undocumented shape: another method, an unknown path, query parameter, header or field of a body.
 */

import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { type Received, serve, type TestServer } from './support.ts'

/** The state of the fake, which a test reads and changes. */
export interface OpenBaoFake {
  readonly address: string
  readonly server: TestServer
  /** Requests of an undocumented shape. At its end, a test expects this list to be empty. */
  readonly violations: string[]
  readonly logins: string[]
  /** Present leases, by id. */
  readonly leases: Map<string, { readonly username: string }>
  /** How the fake responds; each mode except `well` is a failure. */
  mode: 'well' | 'sealed' | 'hangs' | 'garbage' | 'redirects' | 'huge' | 'breaks off'
  /** Changes a response before it is sent. */
  tamper: (path: string, answer: Record<string, unknown>) => Record<string, unknown>
  /** Writes the next version, at this time in seconds since 1970. */
  putKv(path: string, data: Record<string, unknown>, second?: number): void
  deleteKv(path: string): void
  /** Removes a secret with its metadata, as if it had never existed. */
  destroyKv(path: string): void
  /** Revokes all tokens. */
  revokeTokens(): void
  /** A wrapping token around a new secret id of the role. */
  wrapSecretId(creationPath?: string): string
  /** A token of the workload, signed with the key that the jwt method trusts. */
  jwt(claims?: Record<string, unknown>): string
  close(): Promise<void>
}

interface KvVersion {
  readonly data: Record<string, unknown>
  readonly created: string
  deleted: string
}

interface Shape {
  readonly method: 'GET' | 'POST'
  readonly path: RegExp
  readonly query?: readonly string[]
  /** Fields of the body; true if the field is required. */
  readonly body?: Readonly<Record<string, boolean>>
  readonly token: boolean
  readonly answer: (call: Call) => Answer
}

interface Call {
  readonly match: RegExpExecArray
  readonly query: URLSearchParams
  readonly body: Record<string, unknown>
  readonly token: string
}

interface Answer {
  readonly status: number
  readonly body?: Record<string, unknown>
}

/** Headers that this library has a reason to send; Node's client adds the second line. */
const headers: ReadonlySet<string> = new Set([
  ...['accept', 'content-type', 'x-vault-request', 'x-vault-token', 'x-vault-namespace', 'cache-control', 'pragma'],
  ...['host', 'connection', 'content-length', 'accept-language', 'sec-fetch-mode', 'user-agent', 'accept-encoding'],
])

export const ROLE_ID = '59d6d1ca-47bb-4e7e-a40b-8be3bc5a0ba8'
export const SECRET_ID = '841771dc-11c9-bbc7-bcac-6a3945a69cd9'
export const NAMESPACE = 'team/a'

/** Starts a fake. */
export async function startOpenBao(
  options: { readonly tokenSeconds?: number; readonly leaseSeconds?: number } = {},
): Promise<OpenBaoFake> {
  const { tokenSeconds = 1_200, leaseSeconds = 600 } = options
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const kv = new Map<string, KvVersion[]>()
  const tokens = new Set<string>()
  const secretIds = new Set([SECRET_ID])
  const wrapped = new Map<string, { readonly secretId: string; readonly path: string }>()
  const violations: string[] = []
  const logins: string[] = []
  const leases = new Map<string, { readonly username: string }>()
  let count = 0
  const next = (): number => {
    count += 1
    return count
  }

  const plain = (data: unknown): Record<string, unknown> => ({
    request_id: `r-${next()}`,
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data,
    wrap_info: null,
    warnings: null,
    auth: null,
  })
  const refuse = (status: number, ...errors: readonly string[]): Answer => ({ status, body: { errors } })
  const login = (method: string): Answer => {
    const token = `s.canary-token-${next()}`
    tokens.add(token)
    logins.push(method)
    const auth = {
      renewable: true,
      lease_duration: tokenSeconds,
      metadata: null,
      token_policies: ['default'],
      accessor: `a-${count}`,
      client_token: token,
    }
    return { status: 200, body: { ...plain(null), auth } }
  }

  const shapes: readonly Shape[] = [
    {
      method: 'POST',
      path: /^auth\/approle\/login$/,
      body: { role_id: true, secret_id: true },
      token: false,
      answer: ({ body }) =>
        body['role_id'] === ROLE_ID && secretIds.has(String(body['secret_id']))
          ? login('approle')
          : refuse(400, 'invalid role or secret ID'),
    },
    {
      method: 'POST',
      path: /^auth\/jwt\/login$/,
      body: { role: false, jwt: true },
      token: false,
      answer: ({ body }) =>
        body['role'] === 'dev-role' && isGenuine(String(body['jwt']), keys.publicKey)
          ? login('jwt')
          : refuse(400, 'error validating token'),
    },
    {
      method: 'GET',
      path: /^secret\/data\/(.+)$/,
      query: ['version'],
      token: true,
      answer: ({ match, query }) => {
        const versions = kv.get(match[1] ?? '') ?? []
        const version = Number(query.get('version') ?? 0) || versions.length
        const entry = versions[version - 1]
        if (entry === undefined) return refuse(404)
        const metadata = {
          created_time: entry.created,
          custom_metadata: null,
          deletion_time: entry.deleted,
          destroyed: false,
          version,
        }
        return {
          status: entry.deleted === '' ? 200 : 404,
          body: plain({ data: entry.deleted === '' ? entry.data : null, metadata }),
        }
      },
    },
    {
      method: 'POST',
      path: /^secret\/data\/(.+)$/,
      body: { options: false, data: true },
      token: true,
      answer: ({ match, body }) => {
        const versions = kv.get(match[1] ?? '') ?? []
        const cas = (body['options'] as { readonly cas?: unknown } | undefined)?.cas
        if (cas !== undefined && cas !== versions.length)
          return refuse(400, 'check-and-set parameter did not match the current version')
        putKv(match[1] ?? '', body['data'] as Record<string, unknown>)
        return {
          status: 200,
          body: plain({
            created_time: new Date(0).toISOString(),
            custom_metadata: null,
            deletion_time: '',
            destroyed: false,
            version: versions.length + 1,
          }),
        }
      },
    },
    {
      method: 'GET',
      path: /^database\/creds\/([\w-]+)$/,
      token: true,
      answer: ({ match }) => {
        if (match[1] !== 'readonly') return refuse(400, `unknown role: ${match[1]}`)
        const username = `v-approle-readonly-${next()}`
        const lease = `database/creds/readonly/${'x'.repeat(20)}${count}`
        leases.set(lease, { username })
        return {
          status: 200,
          body: {
            ...plain({ username, password: `canary-password-${count}` }),
            lease_id: lease,
            lease_duration: leaseSeconds,
            renewable: true,
          },
        }
      },
    },
    {
      method: 'POST',
      path: /^sys\/leases\/revoke$/,
      body: { lease_id: true, sync: false },
      token: true,
      answer: ({ body }) => (leases.delete(String(body['lease_id'])) ? { status: 204 } : refuse(400, 'invalid lease')),
    },
    {
      method: 'POST',
      path: /^sys\/wrapping\/lookup$/,
      body: { token: true },
      token: false,
      answer: ({ body }) => {
        const entry = wrapped.get(String(body['token']))
        if (entry === undefined) return refuse(400, 'wrapping token is not valid or does not exist')
        return {
          status: 200,
          body: plain({ creation_path: entry.path, creation_time: new Date(0).toISOString(), creation_ttl: 300 }),
        }
      },
    },
    {
      method: 'POST',
      path: /^sys\/wrapping\/unwrap$/,
      token: false,
      answer: ({ token }) => {
        const entry = wrapped.get(token)
        if (entry === undefined) return refuse(400, 'wrapping token is not valid or does not exist')
        wrapped.delete(token)
        secretIds.add(entry.secretId)
        return {
          status: 200,
          body: plain({
            secret_id: entry.secretId,
            secret_id_accessor: 'a',
            secret_id_ttl: 600,
            secret_id_num_uses: 0,
          }),
        }
      },
    },
  ]

  function putKv(path: string, data: Record<string, unknown>, second = 0): void {
    // Nanoseconds, as the server writes them.
    const created = new Date(second * 1_000).toISOString().replace('Z', '000001Z')
    kv.set(path, [...(kv.get(path) ?? []), { data, created, deleted: '' }])
  }

  function respond(received: Received): Answer {
    const url = new URL(received.url, 'http://localhost')
    const path = url.pathname.replace(/^\/v1\//, '')
    const wrong = (what: string): Answer => {
      violations.push(`${received.method} ${received.url}: ${what}`)
      return refuse(400, what)
    }
    if (!url.pathname.startsWith('/v1/')) return wrong('the path is not below /v1/')
    const unknown = Object.keys(received.headers).filter((name) => !headers.has(name))
    if (unknown.length > 0) return wrong(`headers ${unknown.join()}`)
    if (received.headers['x-vault-namespace'] !== NAMESPACE) return wrong('no namespace')
    const here = shapes.filter((shape) => shape.path.test(path))
    if (here.length === 0) return wrong('no such path')
    const shape = here.find(({ method }) => method === received.method)
    if (shape === undefined) return wrong('method not allowed')
    for (const name of url.searchParams.keys())
      if (!shape.query?.includes(name)) return wrong(`query parameter ${name}`)
    if (shape.body === undefined ? received.body !== '' : received.headers['content-type'] !== 'application/json')
      return wrong('body')
    const body = received.body === '' ? {} : (JSON.parse(received.body) as Record<string, unknown>)
    for (const name of Object.keys(body)) if (!Object.hasOwn(shape.body ?? {}, name)) return wrong(`field ${name}`)
    for (const [name, needed] of Object.entries(shape.body ?? {}))
      if (needed && body[name] === undefined) return wrong(`no field ${name}`)
    const token = String(received.headers['x-vault-token'] ?? '')
    if (shape.token && !tokens.has(token)) return refuse(403, 'permission denied')
    const match = shape.path.exec(path)
    return match === null ? wrong('path') : shape.answer({ match, query: url.searchParams, body, token })
  }

  const fake: OpenBaoFake = {
    address: '',
    server: await serve((received, response) => {
      if (fake.mode === 'hangs') return
      if (fake.mode === 'sealed') return void response.writeHead(503).end('{"errors":["Vault is sealed"]}')
      if (fake.mode === 'redirects') return void response.writeHead(307, { location: 'https://evil.example/' }).end()
      if (fake.mode === 'garbage') return void response.end('canary-garbage {')
      if (fake.mode === 'huge') return void response.end('x'.repeat(2_000_000))
      if (fake.mode === 'breaks off') {
        response.writeHead(200, { 'content-length': '1000' }).write('{"data"')
        return void setTimeout(() => response.destroy(), 5)
      }
      const { status, body } = respond(received)
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(
        body === undefined ? undefined : JSON.stringify(status < 300 ? fake.tamper(received.url, body) : body),
      )
    }),
    violations,
    logins,
    leases,
    mode: 'well',
    tamper: (_path, answer) => answer,
    putKv,
    destroyKv: (path) => void kv.delete(path),
    deleteKv: (path) => {
      const last = kv.get(path)?.at(-1)
      if (last !== undefined) last.deleted = new Date(0).toISOString()
    },
    revokeTokens: () => tokens.clear(),
    wrapSecretId: (path = 'auth/approle/role/app/secret-id') => {
      const token = `s.canary-wrapping-${next()}`
      wrapped.set(token, { secretId: `canary-secret-id-${count}`, path })
      return token
    },
    jwt: (claims = {}) =>
      makeJwt({ sub: 'workload', exp: Math.floor(Date.now() / 1000) + 60, ...claims }, keys.privateKey),
    close: () => fake.server.close(),
  }
  return Object.assign(fake, { address: fake.server.origin })
}

function makeJwt(claims: object, key: KeyObject): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'ES256', typ: 'JWT' })}.${part(claims)}`
  return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

function isGenuine(jwt: string, key: KeyObject): boolean {
  const [header = '', claims = '', signature = ''] = jwt.split('.')
  const good = verify(
    'sha256',
    Buffer.from(`${header}.${claims}`),
    { key: createPublicKey(key.export({ type: 'spki', format: 'pem' })), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  )
  const { exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { readonly exp: number }
  return good && exp > Date.now() / 1000
}
