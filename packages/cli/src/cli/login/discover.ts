import { type AuthorizationServer, processDiscoveryResponse, processResourceDiscoveryResponse } from 'oauth4webapi'
import { checkedAddress, LoginFault, type LoginFetch } from './login-fetch.ts'

/** The authorization server of an MCP server, and what a token for it is asked with. */
export interface Discovered {
  readonly as: AuthorizationServer
  /** The `resource` of requests (RFC 8707), as the server writes it. */
  readonly resource: string
  /** The scopes that the server asks for. */
  readonly scopes: readonly string[]
}

/** The first message of a session, which a server with a login refuses. */
const probe = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'procura', version: '1' } },
})

/**
 * Finds the authorization server of an MCP server: by the address in its answer 401, or by the well-known path (RFC
 * 9728), and the metadata of RFC 8414 or OpenID Connect. LGN-02
 *
 * @param headers - of each request to the server.
 * @throws LoginFault when the server has no login, or the metadata are not about it.
 */
export async function discover(
  server: URL,
  headers: Readonly<Record<string, string>>,
  fetch: LoginFetch,
): Promise<Discovered> {
  const found = await findResource(server, await ask(server, headers, fetch), fetch)
  if (found === undefined)
    throw new LoginFault(`${server.origin} names no authorization server, so there is nothing to log in to`)
  const { resource, authorization_servers: issuers, scopes_supported: offered } = found.metadata
  const issuer: unknown = Array.isArray(issuers) ? issuers[0] : undefined
  if (typeof issuer !== 'string')
    throw new LoginFault(`the metadata of ${server.origin} name no authorization server; it needs a key in a header`)
  const scopes = found.scopes ?? (Array.isArray(offered) ? offered : [])
  return {
    as: await findServer(checkedAddress(issuer, server), issuer, fetch),
    resource,
    scopes: scopes.filter(isScope),
  }
}

interface Resource {
  readonly metadata: Awaited<ReturnType<typeof processResourceDiscoveryResponse>>
  /** The scopes of the answer 401. */
  readonly scopes: readonly string[] | undefined
}

/** Whether a server refuses a request without a token, and names an authorization server. LGN-23 */
export async function asksForLogin(
  server: URL,
  headers: Readonly<Record<string, string>>,
  fetch: LoginFetch,
): Promise<boolean> {
  const response = await ask(server, headers, fetch)
  if (response.status !== 401) return false
  const found = await findResource(server, response, fetch)
  return typeof found?.metadata.authorization_servers?.[0] === 'string'
}

function ask(server: URL, headers: Readonly<Record<string, string>>, fetch: LoginFetch): Promise<Response> {
  return fetch(server.href, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: probe,
  })
}

async function findResource(server: URL, response: Response, fetch: LoginFetch): Promise<Resource | undefined> {
  const challenge = response.status === 401 ? (response.headers.get('www-authenticate') ?? '') : ''
  const named = parameterOf(challenge, 'metadata')
  const scopes = parameterOf(challenge, 'scope')?.split(' ')
  const path = server.pathname === '/' ? '' : server.pathname
  const wellKnown = '/.well-known/oauth-protected-resource'
  const places =
    named === undefined ? [new URL(`${wellKnown}${path}`, server).href, new URL(wellKnown, server).href] : [named]
  for (const place of new Set(places)) {
    const answer = await fetch(checkedAddress(place, server).href, { headers: { accept: 'application/json' } })
    if (answer.status !== 200) continue
    const { resource } = Object(await jsonOf(answer.clone())) as { readonly resource?: unknown }
    if (typeof resource !== 'string' || !covers(resource, server))
      throw new LoginFault(`the metadata at ${new URL(place).origin} are not about ${server.origin}${path}`)
    return { metadata: await processResourceDiscoveryResponse(new URL(resource), answer), scopes }
  }
  return undefined
}

/** Whether a resource is a server, or has its path below its own: a token is asked for it, and sent to the server. */
function covers(resource: string, server: URL): boolean {
  const url = URL.canParse(resource) ? new URL(resource) : undefined
  if (url === undefined || url.origin !== server.origin || url.hash !== '') return false
  if (url.search !== '' && url.search !== server.search) return false
  const path = url.pathname.replace(/\/$/, '')
  return server.pathname === url.pathname || server.pathname === path || server.pathname.startsWith(`${path}/`)
}

/** The metadata of an authorization server. Their issuer has to be the one that was asked for. LGN-04 */
async function findServer(issuer: URL, written: string, fetch: LoginFetch): Promise<AuthorizationServer> {
  if (issuer.search !== '' || issuer.hash !== '')
    throw new LoginFault(`the authorization server at ${issuer.origin} has an issuer with a query or a fragment`)
  const path = issuer.pathname.replace(/\/$/, '')
  const places = [
    `/.well-known/oauth-authorization-server${path}`,
    `/.well-known/openid-configuration${path}`,
    `${path}/.well-known/openid-configuration`,
  ]
  for (const place of new Set(places)) {
    const answer = await fetch(new URL(place, issuer).href, { headers: { accept: 'application/json' } })
    if (answer.status !== 200) continue
    const as = await processDiscoveryResponse(issuer, answer).catch(() => undefined)
    // A slash behind a host alone makes no other issuer.
    const same = as?.issuer === written || (path === '' && as?.issuer.replace(/\/$/, '') === written.replace(/\/$/, ''))
    if (as !== undefined && same) return withLists(as)
    throw new LoginFault(`the metadata at ${issuer.origin} are those of another authorization server`)
  }
  throw new LoginFault(`${issuer.origin} has no metadata of an authorization server`)
}

/** The members that are lists of names. */
const lists = [
  'code_challenge_methods_supported',
  'grant_types_supported',
  'scopes_supported',
  'token_endpoint_auth_methods_supported',
] as const

/** Metadata without lists of another type, such as a text that has the name of a method within another one. */
function withLists(as: AuthorizationServer): AuthorizationServer {
  const isList = (name: string): boolean => !lists.some((list) => list === name) || Array.isArray(as[name])
  return Object.fromEntries(Object.entries(as).filter(([name]) => isList(name))) as unknown as AuthorizationServer
}

/** Parameters of the challenge `Bearer`. */
const parameters = Object.freeze({
  metadata: /(?:^|[\s,])resource_metadata=(?:"([^"\\]{1,4096})"|([^\s,"]{1,4096}))/i,
  scope: /(?:^|[\s,])scope=(?:"([^"\\]{1,4096})"|([^\s,"]{1,4096}))/i,
})

function parameterOf(challenge: string, name: keyof typeof parameters): string | undefined {
  const [, quoted, plain] = parameters[name].exec(challenge) ?? []
  return quoted ?? plain
}

/** A token of RFC 6749, section 3.3. */
function isScope(scope: unknown): scope is string {
  return typeof scope === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(scope)
}

async function jsonOf(response: Response): Promise<unknown> {
  return response.json().catch(() => undefined)
}
