/**
 * Tokens exchanged for a call, narrowed to it (RFC 8693), and revoked after it (RFC 7009).
 *
 * @module
 */

import type { Authorization } from '../../../core/authorization/authorization.ts'
import { parseCommand } from '../../../core/capability/command.ts'
import type { Did } from '../../../core/did/did.ts'
import { encodeHex } from '../../../core/ipld/hex.ts'
import { ArgumentError, VaultError } from '../../../errors.ts'
import { sha256Bytes } from '../../../support/digest.ts'
import {
  arrayOf,
  callback,
  type DefaultCheck,
  maybe,
  nonEmptyArrayOf,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  oneOfStrings,
  readOptions,
  readTable,
  withDefault,
} from '../../../support/options.ts'
import { type Clock, secondsOf } from '../../../time.ts'
import { type HostOptions, hostChecks, parsed, readPlaces, type VaultOptions } from '../../configuration.ts'
import { atRunTime, fromCaller } from '../../release/failure.ts'
import { type RemoteVault, remoteVault } from '../../resilience/remote-vault.ts'
import type { ResilienceOptions } from '../../resilience/resilient.ts'
import type { CredentialOptions } from '../../rules/credential-rules.ts'
import { parseEndpoint } from '../../rules/origin.ts'
import { type Secret, type SecretValue, secretValue, toSecret } from '../../secret.ts'
import type { SecretReading, SecretSource } from '../../source.ts'
import {
  type AuthorizationDetails,
  authorizationDetailsFor,
  checkGrantedDetails,
  detailCheck,
} from './authorization-details.ts'
import { type CommandScopes, commandScopes } from './command-scopes.ts'
import { checkGrantedScope, type OAuthClient, requestToken, revokeToken, type TokenAnswer } from './token-endpoint.ts'

export type { AuthorizationDetails } from './authorization-details.ts'

/** The part of a call that the callbacks of an exchange see. */
export interface ExchangeCall {
  /** The DID whose authority the call uses, to which the subject token belongs. */
  readonly subject: Did
  /** The DID that makes the call, to which the actor token belongs. */
  readonly invoker: Did
}

/** A token that an exchange sends. */
export interface ExchangeToken {
  readonly token: SecretValue
  /** Default `urn:ietf:params:oauth:token-type:access_token`. */
  readonly type?: string
}

/** How tokens of one credential are exchanged. */
export interface TokenExchange {
  /**
   * Returns the token of the subject. Rejects when the subject has no token. It is called for each reading, and the
   * number of calls at a time is not limited; `attemptTimeoutMs` limits the time of each.
   */
  readonly subjectToken: (
    call: ExchangeCall,
    options: { readonly signal?: AbortSignal | undefined },
  ) => Promise<ExchangeToken>
  /** Returns the token of the invoker. Default: no actor token is sent. */
  readonly actorToken?: (
    call: ExchangeCall,
    options: { readonly signal?: AbortSignal | undefined },
  ) => Promise<ExchangeToken>
  /** Scopes by command. The longest command that covers the call applies; a call without one is refused. */
  readonly scopes?: Readonly<Record<string, string>>
  /** Authorization details by command (RFC 9396), filled with the signed arguments of the call. */
  readonly authorizationDetails?: Readonly<Record<string, AuthorizationDetails>>
  /** Logical names of the target services. */
  readonly audience?: readonly string[]
  /** Addresses of the target services (RFC 8707). */
  readonly resource?: readonly string[]
}

/** Options of {@link tokenExchangeSource} and {@link tokenExchangeVault}: the authorization server and its client. */
export interface TokenExchangeOptions {
  readonly tokenEndpoint: string
  /** The address at which tokens are revoked after their call. Default: tokens expire, and calls may share them. */
  readonly revocationEndpoint?: string
  readonly clientId: string
  /** Required unless `authentication` is `none`. */
  readonly clientSecret?: SecretValue
  /** Default `basic`. */
  readonly authentication?: 'basic' | 'post' | 'none'
}

/** Options of {@link tokenExchangeSource}. */
export interface TokenExchangeSourceOptions extends TokenExchangeOptions {
  /** Exchanges by name. */
  readonly exchanges: Readonly<Record<string, TokenExchange>>
  readonly clock?: Clock
  readonly fetch?: typeof fetch
}

/** Options of {@link tokenExchangeVault}. */
export interface TokenExchangeVaultOptions extends VaultOptions, TokenExchangeOptions {
  /** Credentials by name: the exchange, and the rules. The processor is usually `bearer`. */
  readonly credentials: Readonly<Record<string, TokenExchange & CredentialOptions>>
  /** Retries and the circuit breaker, for a server that is slow or unavailable. */
  readonly resilience?: ResilienceOptions
}

/** The parts of a call that an exchange depends on. As JSON they are the scope of a reading. */
interface ExchangeScope extends ExchangeCall {
  readonly scope?: string
  /** JSON. */
  readonly details?: string
}

/**
 * Makes a vault that exchanges tokens for calls.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function tokenExchangeVault(options: TokenExchangeVaultOptions): RemoteVault {
  return remoteVault<TokenExchangeOptions, TokenExchange>(options, {
    of: 'tokenExchangeVault',
    serviceChecks: clientChecks,
    placeChecks: () => exchangeChecks,
    source: (client, exchanges) => tokenExchangeSource({ ...client, exchanges }),
  })
}

/**
 * Makes a source of exchanged tokens. Each token is for one subject, one invoker and the narrowing of the call. A token
 * that grants more than requested is refused.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function tokenExchangeSource(options: TokenExchangeSourceOptions): SecretSource {
  const of = 'tokenExchangeSource'
  const given = readOptions(of, options, { ...clientChecks, ...hostChecks, exchanges: objectValue })
  const server = serverOf(of, given)
  const exchanges = readPlaces(of, given.exchanges, readExchange)
  const prepare: SecretSource['prepare'] = async (reference, { scope, signal }) => {
    const found = exchanges.get(reference)
    return found === undefined ? undefined : exchangeForm(found.exchange, JSON.parse(scope) as ExchangeScope, signal)
  }
  return {
    name: 'oauth-token-exchange',
    perCall: () => server.revocation !== undefined,
    scope: (reference, authorization) => JSON.stringify(scopeOf(exchanges.get(reference), authorization)),
    prepare,
    async read(reference, { scope, prepared, signal }) {
      const form = (prepared ?? (await prepare(reference, { scope, signal }))) as TokenForm | undefined
      if (form === undefined) return undefined
      return exchangeToken(server, reference, form, JSON.parse(scope) as ExchangeScope, signal)
    },
  }
}

/** The authorization server, and this client of it. */
interface AuthorizationServer {
  readonly client: OAuthClient
  readonly endpoint: URL
  /** The address for revocations; undefined when tokens expire by themselves. */
  readonly revocation: URL | undefined
  readonly clock: Clock
  readonly fetch: typeof fetch
}

type ClientSettings = TokenExchangeOptions & Required<Pick<TokenExchangeOptions, 'authentication'>>

function serverOf(of: string, given: ClientSettings & Required<HostOptions>): AuthorizationServer {
  const endpointOf = (option: 'tokenEndpoint' | 'revocationEndpoint', address: string): URL =>
    parseEndpoint(address, (what) => new ArgumentError(`${of}: \`${option}\`: ${what}`))
  const { tokenEndpoint, revocationEndpoint, clock, fetch } = given
  return {
    client: clientOf(of, given),
    endpoint: endpointOf('tokenEndpoint', tokenEndpoint),
    revocation: revocationEndpoint === undefined ? undefined : endpointOf('revocationEndpoint', revocationEndpoint),
    clock,
    fetch,
  }
}

function clientOf(of: string, { clientId, clientSecret, authentication }: ClientSettings): OAuthClient {
  if ((clientSecret === undefined) !== (authentication === 'none')) {
    throw new ArgumentError(
      `${of}: \`clientSecret\` and \`authentication\` do not go together; a client without a secret sets \`authentication: 'none'\``,
    )
  }
  const secret = clientSecret === undefined ? undefined : toSecret(clientSecret, of)
  return { id: clientId, authentication, ...(secret !== undefined && { secret }) }
}

/** An exchange whose tables by command were read. */
interface ParsedExchange {
  readonly exchange: TokenExchange
  readonly scopes: CommandScopes
}

function readExchange(given: TokenExchange, of: string): ParsedExchange {
  const exchange = readOptions(of, given, exchangeChecks)
  for (const [command, details] of Object.entries(exchange.authorizationDetails ?? {})) {
    parsed(of, 'authorizationDetails', () => parseCommand(command))
    readTable(`${of}: \`authorizationDetails\``, { [command]: details }, nonEmptyArrayOf(detailCheck))
  }
  return { exchange, scopes: parsed(of, 'scopes', () => commandScopes(exchange.scopes)) }
}

function scopeOf(found: ParsedExchange | undefined, call: Authorization): ExchangeScope {
  const { subject, invoker, command, args } = call
  const scope = found?.scopes.scopeFor(command)
  const table = found?.exchange.authorizationDetails
  const details = table === undefined ? undefined : authorizationDetailsFor(table, command, args)
  return { subject, invoker, ...(scope && { scope }), ...(details && { details }) }
}

async function exchangeToken(
  server: AuthorizationServer,
  reference: string,
  form: TokenForm,
  requested: ExchangeScope,
  signal: AbortSignal | undefined,
): Promise<SecretReading> {
  const readAt = secondsOf(server.clock)
  const answer = await requestToken({ ...server, form, signal }, readAt)
  const { accessToken, expiresAt } = answer
  // A copy for the revocation: the reader disposes of the secret before.
  const kept = server.revocation === undefined ? undefined : accessToken.copy()
  try {
    checkAnswer(answer, requested)
  } catch (error) {
    await endToken(server, kept, undefined).catch(() => undefined)
    for (const secret of [accessToken, kept]) secret?.dispose()
    throw error
  }
  return {
    reference,
    secret: accessToken,
    version: encodeHex(await sha256Bytes(accessToken.revealBytes())).slice(0, 16),
    kind: 'derived',
    downscoped: requested.scope !== undefined || requested.details !== undefined,
    readAt,
    ...(expiresAt !== undefined && { expiresAt }),
    ...(kept !== undefined && { revoke: (options) => endToken(server, kept, options.signal) }),
  }
}

async function endToken(
  { revocation, ...server }: AuthorizationServer,
  token: Secret | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (revocation === undefined || token === undefined || token.disposed) return
  await revokeToken({ ...server, endpoint: revocation, signal }, token)
  token.dispose()
}

const clientChecks: OptionChecks<TokenExchangeOptions> & { readonly authentication: DefaultCheck } = Object.freeze({
  tokenEndpoint: nonEmptyString,
  revocationEndpoint: maybe(nonEmptyString),
  clientId: nonEmptyString,
  clientSecret: maybe(secretValue),
  authentication: withDefault(oneOfStrings('basic', 'post', 'none'), 'basic'),
})

const exchangeChecks: OptionChecks<TokenExchange> = Object.freeze({
  subjectToken: callback,
  actorToken: maybe(callback),
  scopes: maybe(objectValue),
  authorizationDetails: maybe(objectValue),
  audience: maybe(arrayOf(nonEmptyString)),
  resource: maybe(arrayOf(nonEmptyString)),
})

/** The names and values of a request. */
type TokenForm = readonly (readonly [string, string])[]

async function exchangeForm(
  exchange: TokenExchange,
  requested: ExchangeScope,
  signal: AbortSignal | undefined,
): Promise<TokenForm> {
  const call = { subject: requested.subject, invoker: requested.invoker }
  const options = { signal }
  const form: (readonly [string, string])[] = [
    ['grant_type', grantType],
    ['requested_token_type', accessTokenType],
    ...tokenPair(
      'subject',
      await fromCaller('the callback `subjectToken`', () => exchange.subjectToken(call, options), signal),
    ),
  ]
  const { actorToken } = exchange
  if (actorToken !== undefined) {
    form.push(
      ...tokenPair('actor', await fromCaller('the callback `actorToken`', () => actorToken(call, options), signal)),
    )
  }
  for (const audience of exchange.audience ?? []) form.push(['audience', audience])
  for (const resource of exchange.resource ?? []) form.push(['resource', resource])
  if (requested.scope !== undefined) form.push(['scope', requested.scope])
  if (requested.details !== undefined) form.push(['authorization_details', requested.details])
  return form
}

function tokenPair(
  party: 'subject' | 'actor',
  { token, type = accessTokenType }: ExchangeToken,
): readonly (readonly [string, string])[] {
  const secret = atRunTime(() => toSecret(token, `the callback \`${party}Token\``))
  const revealed = secret.reveal()
  secret.dispose()
  return [
    [`${party}_token`, revealed],
    [`${party}_token_type`, type],
  ]
}

function checkAnswer(answer: TokenAnswer, requested: ExchangeScope): void {
  if (answer.issuedTokenType !== accessTokenType) {
    throw new VaultError(
      'ERR_VAULT_INTEGRITY',
      'the token endpoint returned a token of a type other than the requested one',
    )
  }
  checkGrantedScope(requested.scope, answer.scope)
  checkGrantedDetails(requested.details, answer.authorizationDetails)
}

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
