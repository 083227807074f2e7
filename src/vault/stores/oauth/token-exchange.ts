/**
 * Tokens exchanged for a call, narrowed to it (RFC 8693), and revoked after it (RFC 7009).
 *
 * @module
 */

import { parseCommand } from '../../../capability/command.ts'
import type { Did } from '../../../did/did.ts'
import { ArgumentError, VaultError } from '../../../errors.ts'
import { encodeHex } from '../../../ipld/base.ts'
import { sha256Bytes } from '../../../support/digest.ts'
import {
  arrayOf,
  callback,
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  oneOfStrings,
  readOptions,
} from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { type Clock, systemClock } from '../../../time.ts'
import { checkEntries, mapEntries, parsed, pick, secretValue, vaultChecks } from '../../configuration.ts'
import type { VaultOptions } from '../../create-vault.ts'
import { atRunTime, CallFailure, fromCaller } from '../../release/failure.ts'
import { type RemoteVault, remoteVault } from '../../resilience/remote-vault.ts'
import type { ResilienceOptions } from '../../resilience/resilient.ts'
import { type CredentialOptions, ruleChecks } from '../../rules/credential-rules.ts'
import { parseEndpoint } from '../../rules/origin.ts'
import type { Secret } from '../../secret.ts'
import { type SecretValue, toSecret } from '../../secret-value.ts'
import type { SecretReading, SecretSource } from '../../source.ts'
import { type AuthorizationDetails, authorizationDetailsFor, checkGrantedDetails } from './authorization-details.ts'
import { commandScopes } from './command-scopes.ts'
import { checkGrantedScope, type OAuthClient, requestToken, revokeToken, type TokenAnswer } from './token-endpoint.ts'

export type { AuthorizationDetails } from './authorization-details.ts'

/** The call that a token is exchanged for, as far as the exchange may know it. */
export interface ExchangeCall {
  /** Whose authority is used: for whom the subject token is. */
  readonly subject: Did
  /** Who makes the call: for whom the actor token is. */
  readonly invoker: Did
}

/** A token that goes into an exchange. */
export interface ExchangeToken {
  readonly token: SecretValue
  /** Default `urn:ietf:params:oauth:token-type:access_token`. */
  readonly type?: string
}

/** How tokens of one credential are exchanged. */
export interface TokenExchange {
  /** The token of the party on whose behalf the call is made. Rejects when there is none. */
  readonly subjectToken: (
    call: ExchangeCall,
    options: { readonly signal?: AbortSignal | undefined },
  ) => Promise<ExchangeToken>
  /** The token of the acting party. Default: none is sent. */
  readonly actorToken?: (
    call: ExchangeCall,
    options: { readonly signal?: AbortSignal | undefined },
  ) => Promise<ExchangeToken>
  /** Scopes by command; a call gets those of the longest command that covers its own. */
  readonly scopes?: Readonly<Record<string, string>>
  /** Rich authorization requests by command (RFC 9396), filled with the signed arguments of the call. */
  readonly authorizationDetails?: Readonly<Record<string, AuthorizationDetails>>
  /** Logical names of the target services. */
  readonly audience?: readonly string[]
  /** Addresses of the target services (RFC 8707). */
  readonly resource?: readonly string[]
}

/** Options that the source and the vault have in common. */
export interface TokenExchangeOptions {
  readonly tokenEndpoint: string
  /** Where tokens are revoked after their call. Default: they end by themselves, and calls may share them. */
  readonly revocationEndpoint?: string
  readonly clientId: string
  /** Needed unless `authentication` is `none`. */
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
  /** Credentials by name: the exchange, and the rules of its use; the processor is most often `bearer`. */
  readonly credentials: Readonly<Record<string, TokenExchange & CredentialOptions>>
  /** What is done when the server is slow or away. */
  readonly resilience?: ResilienceOptions
}

/** What an exchange depends on, as it is written into the scope of a reading. */
interface ExchangeScope extends ExchangeCall {
  readonly scope?: string
  /** JSON. */
  readonly details?: string
}

/**
 * A vault that exchanges tokens for calls.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function tokenExchangeVault(options: TokenExchangeVaultOptions): RemoteVault {
  const given = readOptions('token exchange vault', options, {
    ...vaultChecks,
    ...clientChecks,
    credentials: objectValue,
    resilience: maybe(objectValue),
  })
  const { clock, fetch, resilience } = given
  const credentials = checkEntries('token exchange', given.credentials, { ...ruleChecks, ...exchangeChecks })
  const source = tokenExchangeSource({
    ...pick<TokenExchangeOptions>(given, clientChecks),
    exchanges: mapEntries(credentials, (credential) => pick<TokenExchange>(credential, exchangeChecks)),
    ...(clock !== undefined && { clock }),
    ...(fetch !== undefined && { fetch }),
  })
  return remoteVault({
    ...pick<VaultOptions>(given, vaultChecks),
    ...(resilience !== undefined && { resilience }),
    source,
    credentials: mapEntries(credentials, (credential) => pick<CredentialOptions>(credential, ruleChecks)),
  })
}

/**
 * A source of exchanged tokens. Each is for one subject, one invoker and what the call does; a server that grants more
 * than was asked for is not believed.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function tokenExchangeSource(options: TokenExchangeSourceOptions): SecretSource {
  const given = readOptions('token exchange', options, {
    ...clientChecks,
    exchanges: objectValue,
    clock: vaultChecks.clock,
    fetch: vaultChecks.fetch,
  })
  const wrong = (what: string): ArgumentError => new ArgumentError(`token exchange: ${what}`)
  const at = (option: string) => (what: string) => wrong(`\`${option}\`: ${what}`)
  const clock = given.clock ?? systemClock
  const endpoint = parseEndpoint(given.tokenEndpoint, at('tokenEndpoint'))
  const revocation =
    given.revocationEndpoint === undefined
      ? undefined
      : parseEndpoint(given.revocationEndpoint, at('revocationEndpoint'))
  const environment = {
    client: clientOf(given, wrong),
    fetch: given.fetch ?? ((input: RequestInfo | URL, init?: RequestInit) => fetch(input, init)),
  }
  const exchanges = new Map(
    Object.entries(checkEntries('token exchange', given.exchanges, exchangeChecks)).map(([name, exchange]) => [
      name,
      {
        exchange,
        scopes: parsed(`token exchange: credential ${quote(name)}`, 'scopes', () => commandScopes(exchange.scopes)),
      },
    ]),
  )

  for (const [name, { exchange }] of exchanges) {
    // A command that cannot be read is a mistake to be told of here.
    for (const [command, details] of Object.entries(exchange.authorizationDetails ?? {})) {
      parsed(`token exchange: credential ${quote(name)}`, 'authorizationDetails', () => parseCommand(command))
      readOptions<Readonly<Record<string, unknown>>>(
        `token exchange: credential ${quote(name)}: \`authorizationDetails\``,
        { [command]: details },
        { [command]: arrayOf(objectValue) },
      )
    }
  }

  async function end(token: Secret | undefined, signal: AbortSignal | undefined): Promise<void> {
    if (revocation === undefined || token === undefined || token.disposed) return
    await revokeToken({ ...environment, endpoint: revocation, signal }, token)
    token.dispose()
  }

  return {
    name: 'oauth-token-exchange',
    perCall: () => revocation !== undefined,
    scope(reference, { subject, invoker, command, args }) {
      const found = exchanges.get(reference)
      const scope = found?.scopes.scopeFor(command)
      const table = found?.exchange.authorizationDetails
      const details = table === undefined ? undefined : authorizationDetailsFor(table, command, args)
      const asked: ExchangeScope = { subject, invoker, ...(scope && { scope }), ...(details && { details }) }
      return JSON.stringify(asked)
    },
    async read(reference, { scope, signal }) {
      const exchange = exchanges.get(reference)?.exchange
      if (exchange === undefined) return undefined
      const asked = JSON.parse(scope) as ExchangeScope
      const now = Math.floor(clock.now())
      const form = await exchangeForm(exchange, asked, signal)
      const answer = await requestToken({ ...environment, endpoint, form, signal }, now)
      const { accessToken, expiresAt } = answer
      // Kept for its revocation: whoever reads disposes of the secret before.
      const kept = revocation === undefined ? undefined : accessToken.copy()
      try {
        checkAnswer(answer, asked)
      } catch (error) {
        await end(kept, undefined).catch(() => undefined)
        throw error
      }
      return {
        reference,
        secret: accessToken,
        version: encodeHex(await sha256Bytes(accessToken.revealBytes())).slice(0, 16),
        kind: 'derived',
        downscoped: asked.scope !== undefined || asked.details !== undefined,
        readAt: now,
        ...(expiresAt !== undefined && { expiresAt }),
        ...(revocation !== undefined && { revoke: (options: ReadingEnd) => end(kept, options.signal) }),
      }
    },
  }
}

const clientChecks: OptionChecks<TokenExchangeOptions> = Object.freeze({
  tokenEndpoint: nonEmptyString,
  revocationEndpoint: maybe(nonEmptyString),
  clientId: nonEmptyString,
  clientSecret: maybe(secretValue),
  authentication: maybe(oneOfStrings('basic', 'post', 'none')),
})

const exchangeChecks: OptionChecks<TokenExchange> = Object.freeze({
  subjectToken: callback,
  actorToken: maybe(callback),
  scopes: maybe(objectValue),
  authorizationDetails: maybe(objectValue),
  audience: maybe(arrayOf(nonEmptyString)),
  resource: maybe(arrayOf(nonEmptyString)),
})

type ReadingEnd = Parameters<NonNullable<SecretReading['revoke']>>[0]

async function exchangeForm(
  exchange: TokenExchange,
  asked: ExchangeScope,
  signal: AbortSignal | undefined,
): Promise<readonly (readonly [string, string])[]> {
  const call = { subject: asked.subject, invoker: asked.invoker }
  const options = { signal }
  const form: (readonly [string, string])[] = [
    ['grant_type', grantType],
    ['requested_token_type', accessTokenType],
    ...tokenPair('subject', await tokenOf('the subject token', () => exchange.subjectToken(call, options), signal)),
  ]
  const { actorToken } = exchange
  if (actorToken !== undefined) {
    form.push(...tokenPair('actor', await tokenOf('the actor token', () => actorToken(call, options), signal)))
  }
  for (const audience of exchange.audience ?? []) form.push(['audience', audience])
  for (const resource of exchange.resource ?? []) form.push(['resource', resource])
  if (asked.scope !== undefined) form.push(['scope', asked.scope])
  if (asked.details !== undefined) form.push(['authorization_details', asked.details])
  return form
}

/** A token of one subject or invoker: that there is none must not stop the calls of others. */
async function tokenOf(
  what: string,
  task: () => Promise<ExchangeToken>,
  signal: AbortSignal | undefined,
): Promise<ExchangeToken> {
  try {
    return await fromCaller(what, task, signal)
  } catch (error) {
    throw error instanceof VaultError ? new CallFailure(error) : error
  }
}

function tokenPair(
  party: 'subject' | 'actor',
  { token, type = accessTokenType }: ExchangeToken,
): readonly (readonly [string, string])[] {
  const secret = atRunTime(() => toSecret(token, `${party}Token`))
  const revealed = secret.reveal()
  secret.dispose()
  return [
    [`${party}_token`, revealed],
    [`${party}_token_type`, type],
  ]
}

function checkAnswer(answer: TokenAnswer, asked: ExchangeScope): void {
  if (answer.issuedTokenType !== accessTokenType) {
    throw new VaultError(
      'ERR_VAULT_INTEGRITY',
      'the token endpoint issued a token of another type than the one asked for',
    )
  }
  checkGrantedScope(asked.scope, answer.scope)
  checkGrantedDetails(asked.details, answer.authorizationDetails)
}

function clientOf(options: TokenExchangeOptions, wrong: (what: string) => Error): OAuthClient {
  const { clientId, clientSecret, authentication = 'basic' } = options
  if ((clientSecret === undefined) !== (authentication === 'none')) {
    throw wrong('`clientSecret` and `authentication` do not go together; a client without a secret says `none`')
  }
  const secret = clientSecret === undefined ? undefined : toSecret(clientSecret, 'clientSecret')
  return { id: clientId, authentication, ...(secret !== undefined && { secret }) }
}

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
