import { ArgumentError, VaultError } from '../../errors.ts'
import { maybe, nonEmptyString, objectValue, oneOfStrings, readOptions, withDefault } from '../../support/options.ts'
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
  /** Where the refresh token is sent, and nowhere else. */
  readonly tokenEndpoint: string
  readonly clientId: string
  /** Default `basic`, with the field `clientSecret`; write `none` for a public client. */
  readonly authentication?: ClientAuthentication
  /** Scopes by command; a call is given those of the longest command that covers its own, and no call without one. */
  readonly scopes?: Readonly<Record<string, string>>
}

/**
 * Exchanges a refresh token for an access token and sends that (RFC 6749, section 6). The secret has the fields
 * `refreshToken` and, for confidential clients, `clientSecret`.
 *
 * Many servers give a new refresh token each time and take the use of an old one for theft. So one exchange runs at a
 * time, the token is read anew inside it, and a successor is stored before the access token is used: a vault that
 * cannot store refuses.
 *
 * @throws ArgumentError when a parameter is invalid.
 */
export function refreshToken(parameters: RefreshTokenParameters): Processor {
  const { tokenEndpoint, clientId, authentication, scopes } = readOptions('refreshToken', parameters, {
    tokenEndpoint: nonEmptyString,
    clientId: nonEmptyString,
    authentication: withDefault(oneOfStrings('basic', 'post', 'none'), 'basic'),
    scopes: maybe(objectValue),
  })
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
    },
    scope: (command) => byCommand.scopeFor(command) ?? '',
    derive: async (_kept, context) => {
      const scope = byCommand.scopeFor(context.command)
      const present = await context.reread()
      return disposeAfter([present], async () => {
        const answer = await exchange(present, { endpoint, clientId, authentication, scope }, context)
        if (answer.refreshToken !== undefined) await store(answer.refreshToken, present, context)
        checkGrantedScope(scope, answer.scope)
        const { accessToken, expiresAt } = answer
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
  },
  { clock, fetch, signal }: DeriveContext,
): Promise<TokenAnswer> {
  const { endpoint, clientId, authentication, scope } = grant
  const form: (readonly [string, string])[] = [
    ['grant_type', 'refresh_token'],
    ['refresh_token', present.revealField('refreshToken')],
  ]
  if (scope !== undefined) form.push(['scope', scope])
  const secret = authentication === 'none' ? undefined : present.part('clientSecret')
  const client = { id: clientId, authentication, ...(secret !== undefined && { secret }) }
  const ask = { endpoint, client, form, fetch, signal }
  return disposeAfter([secret], () => requestToken(ask, Math.floor(clock.now())))
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
