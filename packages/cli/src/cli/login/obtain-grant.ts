// node only: listens on a port
import {
  type AuthorizationServer,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  type Client,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  calculatePKCECodeChallenge,
  customFetch,
  dynamicClientRegistrationRequest,
  generateRandomCodeVerifier,
  generateRandomState,
  None,
  processAuthorizationCodeResponse,
  processDynamicClientRegistrationResponse,
  type TokenEndpointResponse,
  validateAuthResponse,
} from 'oauth4webapi'
import { type Discovered, discover } from './discover.ts'
import { listenForRedirect, type RedirectListener } from './listen-for-redirect.ts'
import { checkedAddress, LoginFault, type LoginFetch, loginFetch } from './login-fetch.ts'

/** A client of an authorization server. */
interface LoginClient {
  readonly id: string
  readonly secret?: string | undefined
}

/** How the vault authenticates as the client later. */
type Authentication = 'basic' | 'none' | 'post'

/** The tokens of a login, and the facts that the vault needs to renew them. */
export interface LoginGrant {
  readonly issuer: string
  readonly tokenEndpoint: string
  readonly client: LoginClient
  readonly authentication: Authentication
  readonly resource: string
  readonly scope: string
  readonly accessToken: string
  /** Absent where the authorization server gives none. */
  readonly refreshToken?: string
}

/** Options of {@link obtainGrant}. */
export interface GrantOptions {
  /** The endpoint of the MCP server. */
  readonly server: URL
  /** The headers of requests to it. */
  readonly headers: Readonly<Record<string, string>>
  /** A client that is known to the authorization server. Default: one is registered (RFC 7591). */
  readonly client?: LoginClient | undefined
  /** Ends the login. */
  readonly signal: AbortSignal
  /** Shows the page of the authorization server to the person. */
  readonly show: (page: URL, issuer: string) => Promise<void>
  /**
   * Asks for the address at which a browser elsewhere has ended.
   *
   * @param read - returns undefined for another address.
   */
  readonly paste?: (read: RedirectListener['read'], signal: AbortSignal) => Promise<URLSearchParams>
}

/**
 * Gets the consent of a person in a browser, and the tokens for it: authorization code with PKCE (RFC 7636), `resource`
 * (RFC 8707) and `iss` (RFC 9207). LGN-01
 *
 * @throws LoginFault when it fails; the reason of the signal.
 */
export async function obtainGrant({ server, headers, client, signal, show, paste }: GrantOptions): Promise<LoginGrant> {
  const fetch = loginFetch(server, signal)
  const found = await discover(server, headers, fetch)
  const { as } = found
  checkServer(as, server)
  const state = generateRandomState()
  const verifier = generateRandomCodeVerifier()
  const redirect = await listenForRedirect(state)
  const ending = new AbortController()
  try {
    const known = client === undefined ? await register(as, server, redirect.uri, fetch) : knownClient(as, client)
    const scope = scopeOf(found)
    await show(await pageOf(found, known.client.id, { redirect: redirect.uri, state, verifier, scope }), as.issuer)
    const parameters = await Promise.race([
      redirect.answer,
      aborted(signal),
      ...(paste === undefined ? [] : [paste(redirect.read, ending.signal)]),
    ])
    const tokens = await exchange(found, known, { parameters, state, verifier, uri: redirect.uri, fetch })
    return grantOf(found, known, scope, tokens)
  } finally {
    ending.abort()
    redirect.close()
  }
}

/** LGN-05 */
function checkServer(as: AuthorizationServer, server: URL): void {
  checkedAddress(as.authorization_endpoint, server)
  checkedAddress(as.token_endpoint, server)
  if (as.code_challenge_methods_supported?.includes('S256') !== true)
    throw new LoginFault(`the authorization server ${as.issuer} does not support PKCE with S256`)
}

interface KnownClient {
  readonly client: LoginClient
  readonly authentication: Authentication
}

/** The form of authentication that the authorization server supports. Without a list it is `client_secret_basic`. */
function knownClient(as: AuthorizationServer, client: LoginClient): KnownClient {
  if (client.secret === undefined) return { client, authentication: 'none' }
  const supported = as.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  const isPost = !supported.includes('client_secret_basic') && supported.includes('client_secret_post')
  return { client, authentication: isPost ? 'post' : 'basic' }
}

/** Registers a client for this login: its redirect URI has the port of this login. */
async function register(
  as: AuthorizationServer,
  server: URL,
  redirect: string,
  fetch: LoginFetch,
): Promise<KnownClient> {
  if (as.registration_endpoint === undefined)
    throw new LoginFault(
      `the authorization server ${as.issuer} registers no clients; register one there, with the redirect URI http://127.0.0.1/callback, and pass its id with --client-id`,
    )
  checkedAddress(as.registration_endpoint, server)
  const supported = as.token_endpoint_auth_methods_supported ?? ['none']
  const method = ['none', 'client_secret_basic', 'client_secret_post'].find((one) => supported.includes(one)) ?? 'none'
  const renews = as.grant_types_supported?.includes('refresh_token') !== false
  const made = await inOwnWords(as, 'register a client', async () =>
    processDynamicClientRegistrationResponse(
      await dynamicClientRegistrationRequest(
        as,
        {
          client_name: 'Procura',
          redirect_uris: [redirect],
          application_type: 'native',
          grant_types: ['authorization_code', ...(renews ? ['refresh_token'] : [])],
          response_types: ['code'],
          token_endpoint_auth_method: method,
        },
        requestsBy(fetch),
      ),
    ),
  )
  const { client_id: id, client_secret: secret, token_endpoint_auth_method: given = method } = made
  const authentication = given === 'client_secret_post' ? 'post' : given === 'client_secret_basic' ? 'basic' : 'none'
  return { client: { id, ...(authentication !== 'none' && typeof secret === 'string' && { secret }) }, authentication }
}

/** The scopes that the server asks for; and access without the person, where the authorization server knows that. */
function scopeOf({ as, scopes }: Discovered): string {
  const offline = as.scopes_supported?.includes('offline_access') === true ? ['offline_access'] : []
  return [...new Set([...scopes, ...offline])].join(' ')
}

/** Longest address of the page for the person. */
const mostOfAddress = 16_384

async function pageOf(
  { as, resource }: Discovered,
  clientId: string,
  given: { readonly redirect: string; readonly state: string; readonly verifier: string; readonly scope: string },
): Promise<URL> {
  const page = new URL(as.authorization_endpoint as string)
  const parameters = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: given.redirect,
    state: given.state,
    code_challenge: await calculatePKCECodeChallenge(given.verifier),
    code_challenge_method: 'S256',
    resource,
    ...(given.scope !== '' && { scope: given.scope }),
    // OpenID Connect Core, section 11.
    ...(given.scope.split(' ').includes('offline_access') && { prompt: 'consent' }),
  }
  for (const [name, value] of Object.entries(parameters)) page.searchParams.set(name, value)
  // It is a word of a command line, and is printed. Scopes and the id of the client come from servers.
  if (page.href.length > mostOfAddress)
    throw new LoginFault(`the login at ${as.issuer} has an address of more than ${mostOfAddress} characters`)
  return page
}

async function exchange(
  { as, resource }: Discovered,
  { client, authentication }: KnownClient,
  given: {
    readonly parameters: URLSearchParams
    readonly state: string
    readonly verifier: string
    readonly uri: string
    readonly fetch: LoginFetch
  },
): Promise<TokenEndpointResponse> {
  const known: Client = { client_id: client.id }
  const { parameters, state, verifier, uri, fetch } = given
  return inOwnWords(as, 'give a token', async () =>
    processAuthorizationCodeResponse(
      as,
      known,
      await authorizationCodeGrantRequest(
        ...([as, known, authenticationOf(authentication, client.secret)] as const),
        // LGN-07
        validateAuthResponse(as, known, parameters, state),
        uri,
        verifier,
        { ...requestsBy(fetch), additionalParameters: { resource } },
      ),
    ),
  )
}

function authenticationOf(authentication: Authentication, secret = ''): ClientAuth {
  if (authentication === 'none') return None()
  return authentication === 'basic' ? ClientSecretBasic(secret) : ClientSecretPost(secret)
}

function grantOf(
  { as, resource }: Discovered,
  known: KnownClient,
  scope: string,
  {
    access_token: accessToken,
    refresh_token: refreshToken,
    token_type: type,
    scope: granted = scope,
  }: TokenEndpointResponse,
): LoginGrant {
  if (type !== 'bearer')
    throw new LoginFault(`the authorization server ${as.issuer} gave a token of another type than Bearer`)
  return {
    ...{
      issuer: as.issuer,
      tokenEndpoint: as.token_endpoint as string,
      ...known,
      resource,
      scope: granted,
      accessToken,
    },
    ...(refreshToken !== undefined && { refreshToken }),
  }
}

/** `fetch` checks each address itself. */
function requestsBy(fetch: LoginFetch): {
  readonly [customFetch]: LoginFetch
  readonly [allowInsecureRequests]: true
} {
  return { [customFetch]: fetch, [allowInsecureRequests]: true }
}

/** An error of the library may have an answer with tokens as its cause, so only a code of the standards is kept. */
async function inOwnWords<T>({ issuer }: AuthorizationServer, work: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (cause) {
    if (cause instanceof LoginFault) throw cause
    const { error, code } = Object(cause) as { readonly error?: unknown; readonly code?: unknown }
    const word = [error, code].find((one) => typeof one === 'string' && /^[A-Za-z_]{1,64}$/.test(one))
    if (error === 'access_denied') throw new LoginFault(`the access was refused at ${issuer}; nothing is stored`)
    throw new LoginFault(`the authorization server ${issuer} did not ${work} (${word ?? 'its answer is invalid'})`)
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
