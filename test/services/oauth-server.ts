// node only: runs an authorization server

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The part of `oidc-provider` that the tests use. */
interface Provider {
  callback(): (request: IncomingMessage, response: ServerResponse) => void
  registerGrantType(
    name: string,
    handler: (context: Context) => Promise<void>,
    parameters: readonly string[],
    repeated: readonly string[],
  ): void
  readonly AccessToken: TokenModel
  readonly ClientCredentials: TokenModel
  readonly RefreshToken: new (fields: object) => { save(): Promise<string> }
  readonly Grant: new (fields: object) => { addOIDCScope(scope: string): void; save(): Promise<string> }
  readonly Client: { find(id: string): Promise<object | undefined> }
}

interface Token {
  readonly accountId?: string
  readonly clientId: string
  readonly grantId?: string
  readonly scope?: string
  readonly isExpired: boolean
  save(): Promise<string>
  readonly expiration: number
}

interface TokenModel {
  new (fields: object): Token
  find(value: string): Promise<Token | undefined>
}

interface Context {
  readonly oidc: { readonly client: object; readonly params: Readonly<Record<string, string | undefined>> }
  body: unknown
  status: number
}

/** An exchange that was made. */
interface Exchange {
  readonly token: string
  readonly subject: string
  readonly actor: string | undefined
  readonly scope: string
}

/** An authorization server, and an API that its tokens open. */
export interface OAuthServer {
  readonly issuer: string
  /** Tokens that were exchanged. */
  readonly exchanges: Exchange[]
  /** A refresh token of an account, as an authorization by a person would give. */
  refreshToken(account: string, scope: string): Promise<string>
  /** An access token of an account, for exchange. */
  accessToken(account: string, scope: string): Promise<string>
  /** A token of a client itself. */
  clientToken(clientId: string): Promise<string>
  /** The facts that the server has about a valid token. */
  known(token: string): Promise<Token | undefined>
  close(): Promise<void>
}

export const CLIENT_ID = 'procura service'
export const CLIENT_SECRET = 'canary/client+secret 1'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessToken = 'urn:ietf:params:oauth:token-type:access_token'

/** Starts one on loopback: rotating refresh tokens, client credentials, revocation, and token exchange with actors. */
export async function startOAuthServer(): Promise<OAuthServer> {
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => undefined
  const server = createServer((request, response) => handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = await makeProvider(issuer)
  handle = provider.callback()
  const exchanges: OAuthServer['exchanges'] = []
  provider.registerGrantType(
    EXCHANGE,
    (context) => exchange(provider, context, exchanges),
    [
      'subject_token',
      'subject_token_type',
      'actor_token',
      'actor_token_type',
      'requested_token_type',
      'scope',
      'audience',
    ],
    ['audience'],
  )

  async function grantOf(
    account: string,
    scope: string,
  ): Promise<{ readonly client: object; readonly grantId: string }> {
    const client = await provider.Client.find(CLIENT_ID)
    if (client === undefined) throw new Error('no client')
    const grant = new provider.Grant({ accountId: account, clientId: CLIENT_ID })
    grant.addOIDCScope(scope)
    return { client, grantId: await grant.save() }
  }

  return {
    issuer,
    exchanges,
    async refreshToken(accountId, scope) {
      const { client, grantId } = await grantOf(accountId, scope)
      const now = Math.floor(Date.now() / 1000)
      return new provider.RefreshToken({
        accountId,
        client,
        grantId,
        scope,
        gty: 'authorization_code',
        iiat: now,
        authTime: now,
      }).save()
    },
    async accessToken(accountId, scope) {
      const { client, grantId } = await grantOf(accountId, scope)
      return new provider.AccessToken({ accountId, client, grantId, scope, gty: 'authorization_code' }).save()
    },
    async clientToken(clientId) {
      const client = await provider.Client.find(clientId)
      return new provider.ClientCredentials({ client }).save()
    },
    known: async (token) => (await provider.AccessToken.find(token)) ?? provider.ClientCredentials.find(token),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function makeProvider(issuer: string): Promise<Provider> {
  const name: string = 'oidc-provider'
  const { default: Provider } = (await import(name)) as {
    default: new (issuer: string, configuration: object) => Provider
  }
  const client = {
    redirect_uris: ['https://service.example/callback'],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials', EXCHANGE],
    response_types: ['code'],
  }
  return new Provider(issuer, {
    clients: [
      {
        ...client,
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        token_endpoint_auth_method: 'client_secret_basic',
      },
      {
        ...client,
        client_id: 'posting',
        client_secret: CLIENT_SECRET,
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      devInteractions: { enabled: false },
    },
    scopes: ['openid', 'offline_access', 'contacts:read', 'contacts:write'],
    rotateRefreshToken: true,
    findAccount: async (_context: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    ttl: { AccessToken: 600, ClientCredentials: 600, RefreshToken: 3_600, Grant: 3_600 },
    cookies: { keys: ['test'] },
  })
}

/** The grant of RFC 8693: a token of the account, narrowed, which names the actor. */
async function exchange(provider: Provider, context: Context, exchanges: OAuthServer['exchanges']): Promise<void> {
  const { client, params } = context.oidc
  const refuse = (error: string): void => {
    context.status = 400
    context.body = { error, error_description: `canary ${String(params['subject_token'])}` }
  }
  const subject = await provider.AccessToken.find(params['subject_token'] ?? '')
  const actor =
    params['actor_token'] === undefined ? undefined : await provider.ClientCredentials.find(params['actor_token'])
  if (subject === undefined || subject.isExpired || params['subject_token_type'] !== accessToken)
    return refuse('invalid_grant')
  if ((params['actor_token'] !== undefined) !== (actor !== undefined)) return refuse('invalid_grant')
  const granted = new Set(subject.scope?.split(' '))
  const scope = params['scope'] ?? subject.scope ?? ''
  if (scope.split(' ').some((one) => !granted.has(one))) return refuse('invalid_scope')
  const { accountId, grantId } = subject
  const token = new provider.AccessToken({ accountId, grantId, client, scope, gty: 'token_exchange' })
  const value = await token.save()
  exchanges.push({ token: value, subject: accountId ?? '', actor: actor?.clientId, scope })
  context.body = {
    access_token: value,
    issued_token_type: accessToken,
    token_type: 'Bearer',
    expires_in: token.expiration,
    scope,
  }
}
