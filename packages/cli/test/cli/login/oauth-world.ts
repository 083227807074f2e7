// node only: runs servers
/** An authorization server, an MCP server that takes its tokens, and a person with a browser. */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { z } from 'zod'

type Handle = (request: IncomingMessage, response: ServerResponse) => unknown

/** A request that a server received. */
interface Seen {
  readonly url: string
  readonly method: string
  readonly form: URLSearchParams
}

/** Options of {@link startOauthWorld}. */
export interface OauthOptions {
  /** Replaces answers of the authorization server or of the MCP server; returns true when it has answered. */
  readonly instead?: (request: IncomingMessage, response: ServerResponse, world: OauthWorld) => boolean
  /** Configuration of the authorization server beside that of the tests. */
  readonly provider?: object
  /** Whether tokens have no refresh token. */
  readonly withoutRefresh?: boolean
  /** Seconds for which an access token is valid. */
  readonly tokenSeconds?: number
}

/** The servers of a test. */
export interface OauthWorld {
  readonly issuer: string
  /** The endpoint of the MCP server. */
  readonly url: string
  /** Requests to the authorization server. */
  readonly seen: Seen[]
  /** The tokens that were issued. */
  readonly tokens: string[]
  /** What the MCP server received in `Authorization`. */
  readonly received: (string | undefined)[]
  /** The texts that its tool `send` got. */
  readonly sent: string[]
  /** Requests of refresh tokens. */
  refreshes(): number
  /** A person who opens a page, logs in and consents. Returns the last address, which is at the program. */
  consent(page: string | URL): Promise<string>
  /** The same, and the browser opens that address. */
  visit(page: string | URL): Promise<Response>
  /** The owner of the account ends the grants, and all tokens with them. */
  endGrants(): Promise<void>
  /** Access tokens end before their time. */
  endTokens(): Promise<void>
  close(): Promise<void>
}

interface Model {
  find(
    value: string,
  ): Promise<{ readonly isExpired: boolean; readonly aud?: unknown; destroy(): Promise<void> } | undefined>
  revokeByGrantId(grant: string): Promise<void>
}

interface Provider {
  callback(): Handle
  interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>
  interactionFinished(request: IncomingMessage, response: ServerResponse, result: object): Promise<void>
  readonly AccessToken: Model
  readonly RefreshToken: Model
  readonly Grant: new (fields: object) => Grant
}

interface Grant {
  addOIDCScope(scope: string): void
  addResourceScope(resource: string, scope: string): void
  save(): Promise<string>
}

interface Interaction {
  readonly prompt: { readonly name: string }
  readonly params: Readonly<Record<string, string>>
}

/** Starts the servers on loopback. */
export async function startOauthWorld(options: OauthOptions = {}): Promise<OauthWorld> {
  const [authorization, resource] = [await listening(), await listening()]
  const grants: string[] = []
  const provider = await newProvider(authorization.origin, options)
  const own = provider.callback()
  const world: OauthWorld = {
    issuer: authorization.origin,
    url: `${resource.origin}/mcp`,
    ...{ seen: [], tokens: [], received: [], sent: [] },
    refreshes: () => world.seen.filter(({ form }) => form.get('grant_type') === 'refresh_token').length,
    consent: (page) => walk(page),
    visit: async (page) => fetch(await walk(page)),
    async endGrants() {
      for (const grant of grants.splice(0))
        for (const model of [provider.AccessToken, provider.RefreshToken]) await model.revokeByGrantId(grant)
    },
    async endTokens() {
      for (const token of world.tokens) await (await provider.AccessToken.find(token))?.destroy()
    },
    async close() {
      for (const { server } of [authorization, resource]) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    },
  }
  authorization.handle = async (request, response) => {
    if (options.instead?.(request, response, world) === true) return
    if (request.url?.startsWith('/interaction/')) return consentTo(provider, request, response, grants)
    const body = await bodyOf(request)
    Object.assign(request, { body: bodyFor(request, body) })
    const form = new URLSearchParams(request.url === '/token' ? body : '')
    world.seen.push({ url: request.url ?? '', method: request.method ?? '', form })
    keepTokens(response, world.tokens)
    return own(request, response)
  }
  const { handle } = mcpServer(world)
  resource.handle = async (request, response) => {
    if (options.instead?.(request, response, world) === true) return
    const metadata = `${resource.origin}/.well-known/oauth-protected-resource/mcp`
    if (request.url === '/.well-known/oauth-protected-resource/mcp')
      return sendJson(response, 200, {
        resource: world.url,
        authorization_servers: [world.issuer],
        scopes_supported: ['mail'],
      })
    const { authorization: header } = request.headers
    if (request.url === '/mcp') world.received.push(header)
    const token = await provider.AccessToken.find(header?.replace('Bearer ', '') ?? '')
    if (token === undefined || token.isExpired || token.aud !== world.url) {
      response.setHeader(
        'www-authenticate',
        `Bearer error="invalid_token", resource_metadata="${metadata}", scope="mail"`,
      )
      return response.writeHead(401).end()
    }
    return handle(request, response)
  }
  return world
}

interface Listening {
  readonly server: Server
  readonly origin: string
  handle: Handle
}

async function listening(): Promise<Listening> {
  const server = createServer((request, response) => {
    Promise.resolve(made.handle(request, response)).catch(() => response.writeHead(500).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const made: Listening = { server, origin, handle: () => undefined }
  return made
}

async function newProvider(
  issuer: string,
  { provider = {}, withoutRefresh = false, tokenSeconds = 600 }: OauthOptions,
): Promise<Provider> {
  const name: string = 'oidc-provider'
  const { default: Provider } = (await import(name)) as { default: new (issuer: string, options: object) => Provider }
  return new Provider(issuer, {
    scopes: withoutRefresh ? ['openid', 'mail'] : ['openid', 'offline_access', 'mail'],
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_: unknown, audience: string) => ({
          ...{ scope: 'mail', audience, accessTokenFormat: 'opaque', accessTokenTTL: tokenSeconds },
        }),
        useGrantedResource: () => true,
      },
    },
    clients: [
      {
        ...{ client_id: 'known', client_secret: 'canary-client-secret', application_type: 'native' },
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    interactions: { url: (_: unknown, { uid }: { readonly uid: string }) => `/interaction/${uid}` },
    rotateRefreshToken: true,
    findAccount: async (_: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    ttl: { RefreshToken: 3_600, Grant: 3_600, Session: 3_600, Interaction: 3_600, AuthorizationCode: 60 },
    cookies: { keys: ['test'] },
    ...provider,
  })
}

/** The person logs in, and consents. */
async function consentTo(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
  grants: string[],
): Promise<void> {
  const { prompt, params } = await provider.interactionDetails(request, response)
  if (prompt.name === 'login') return provider.interactionFinished(request, response, { login: { accountId: 'ada' } })
  const grant = new provider.Grant({ accountId: 'ada', clientId: params['client_id'] })
  grant.addOIDCScope(params['scope'] ?? '')
  grant.addResourceScope(params['resource'] ?? '', 'mail')
  const grantId = await grant.save()
  grants.push(grantId)
  return provider.interactionFinished(request, response, { consent: { grantId } })
}

/** A browser: it follows redirects, and keeps cookies. */
async function walk(page: string | URL): Promise<string> {
  const cookies = new Map<string, string>()
  let next = new URL(page)
  for (let hops = 0; hops < 20; hops++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(next, { redirect: 'manual', headers: { cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    if (location === null)
      throw new Error(`no redirect at ${next.pathname}: ${response.status} ${await response.text()}`)
    next = new URL(location, next)
    if (next.pathname === '/callback') return next.href
  }
  throw new Error('too many redirects')
}

function mcpServer(world: Pick<OauthWorld, 'sent'>): { readonly handle: Handle } {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  const newSession = async (): Promise<StreamableHTTPServerTransport> => {
    const server = new McpServer({ name: 'mail', version: '1' })
    server.registerTool('send', { inputSchema: { text: z.string() } }, async ({ text }) => {
      world.sent.push(text)
      return { content: [{ type: 'text', text: `sent ${text}` }] }
    })
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: true,
      onsessioninitialized: (id) => void sessions.set(id, transport),
    })
    await server.connect(transport as never)
    return transport
  }
  return {
    async handle(request, response) {
      const known = sessions.get(String(request.headers['mcp-session-id']))
      await (known ?? (await newSession())).handleRequest(request, response)
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** The body as a parser before the authorization server leaves it. */
function bodyFor({ headers }: IncomingMessage, body: string): unknown {
  if (headers['content-type']?.startsWith('application/json')) return JSON.parse(body)
  return headers['content-type'] === undefined ? undefined : Object.fromEntries(new URLSearchParams(body))
}

/** Notes the tokens of an answer. */
function keepTokens(response: ServerResponse, tokens: string[]): void {
  const { end } = response
  response.end = ((...given: readonly unknown[]) => {
    for (const [, , token = ''] of String(given[0]).matchAll(/"(access|refresh|id)_token":"([^"]+)"/g))
      tokens.push(token)
    return Reflect.apply(end, response, given) as unknown
  }) as typeof end
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
