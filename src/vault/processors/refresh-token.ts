import { ArgumentError, VaultError } from '../../errors.ts'
import {
  integerFrom,
  maybe,
  nonEmptyString,
  objectValue,
  oneOfStrings,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { secondsOf } from '../../time.ts'
import { parsed } from '../configuration.ts'
import type { DeriveContext, Processor } from '../processor.ts'
import { parseEndpoint } from '../rules/origin.ts'
import { disposeAfter, Secret } from '../secret.ts'
import { commandScopes } from '../stores/oauth/command-scopes.ts'
import {
  type ClientAuthentication,
  checkGrantedScope,
  requestToken,
  type TokenAnswer,
} from '../stores/oauth/token-endpoint.ts'
import { bearer } from './bearer.ts'

/** Parameters of {@link refreshToken}. */
export interface RefreshTokenParameters {
  /** The only address to which the refresh token is sent. */
  readonly tokenEndpoint: string
  readonly clientId: string
  /** Default `basic`, with the field `clientSecret`. A public client sets `none`. */
  readonly authentication?: ClientAuthentication
  /** Scopes by command. The longest command that covers the call applies; a call without one is refused. */
  readonly scopes?: Readonly<Record<string, string>>
  /** The service that the access token is for (RFC 8707). Default: the one of the grant. */
  readonly resource?: string
  /** Seconds for which an access token without `expires_in` is used. Default: once. */
  readonly lifetime?: number
}

/**
 * Exchanges a refresh token for an access token, and sends the access token (RFC 6749, section 6). The secret has the
 * fields `refreshToken` and, for confidential clients, `clientSecret`.
 *
 * Many servers issue a new refresh token each time and treat the use of an old one as theft. So one exchange runs at a
 * time, the token is read again inside it, and a successor is stored before the access token is used. A vault that
 * cannot store successors refuses.
 *
 * @throws ArgumentError when a parameter is invalid.
 */
export function refreshToken(parameters: RefreshTokenParameters): Processor {
  const { tokenEndpoint, clientId, authentication, scopes, resource, lifetime } = readOptions(
    'refreshToken',
    parameters,
    {
      tokenEndpoint: nonEmptyString,
      clientId: nonEmptyString,
      authentication: withDefault(oneOfStrings('basic', 'post', 'none'), 'basic'),
      scopes: maybe(objectValue),
      resource: maybe(nonEmptyString),
      lifetime: maybe(integerFrom(1)),
    },
  )
  const endpoint = parseEndpoint(tokenEndpoint, (what) => {
    return new ArgumentError(`refreshToken: \`tokenEndpoint\`: ${what}`)
  })
  const byCommand = parsed('refreshToken', 'scopes', () => commandScopes(scopes))
  return Object.freeze({
    ...bearer(),
    origins: [endpoint.origin],
    description: {
      type: 'refresh-token',
      tokenEndpoint: endpoint.href,
      clientId,
      authentication,
      ...(scopes !== undefined && { scopes: { ...scopes } }),
      ...(resource !== undefined && { resource }),
      ...(lifetime !== undefined && { lifetime }),
    },
    scope: (command) => byCommand.scopeFor(command) ?? '',
    derive: async (_kept, context) => {
      const scope = byCommand.scopeFor(context.command)
      const present = await context.reread()
      return disposeAfter([present], async () => {
        const answer = await exchange(present, { endpoint, clientId, authentication, scope, resource }, context)
        if (answer.refreshToken !== undefined) await store(answer.refreshToken, present, context)
        checkGrantedScope(scope, answer.scope)
        const { accessToken } = answer
        const expiresAt = answer.expiresAt ?? (lifetime && secondsOf(context.clock) + lifetime)
        return { secret: accessToken, downscoped: scope !== undefined, ...(expiresAt !== undefined && { expiresAt }) }
      })
    },
  } satisfies Processor)
}

async function exchange(
  present: Secret,
  grant: {
    readonly endpoint: URL
    readonly clientId: string
    readonly authentication: ClientAuthentication
    readonly scope: string | undefined
    readonly resource: string | undefined
  },
  { clock, fetch, signal }: DeriveContext,
): Promise<TokenAnswer> {
  const { endpoint, clientId, authentication, scope, resource } = grant
  const form: (readonly [string, string])[] = [
    ['grant_type', 'refresh_token'],
    ['refresh_token', present.revealField('refreshToken')],
  ]
  if (scope !== undefined) form.push(['scope', scope])
  if (resource !== undefined) form.push(['resource', resource])
  const secret = authentication === 'none' ? undefined : present.part('clientSecret')
  const client = { id: clientId, authentication, ...(secret !== undefined && { secret }) }
  const ask = { endpoint, client, form, fetch, signal }
  return disposeAfter([secret], () => requestToken(ask, secondsOf(clock)))
}

async function store(successor: Secret, present: Secret, context: DeriveContext): Promise<void> {
  const token = successor.reveal()
  successor.dispose()
  if (token === present.revealField('refreshToken')) return
  // VLT-17
  if (context.replace === undefined) {
    throw new VaultError(
      'ERR_VAULT_CONFIGURATION',
      'the server issued a new refresh token, and this vault cannot store it; use a vault that can, such as the file vault, or turn rotation off at the server',
    )
  }
  const fields = new Map(present.fieldNames().map((name) => [name, present.revealField(name)]))
  fields.set('refreshToken', token)
  await context.replace(Secret.ofFields(Object.fromEntries(fields)))
}
