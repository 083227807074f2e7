import { ArgumentError } from '../../errors.ts'
import { maybe, nonEmptyString, objectValue, oneOfStrings, readOptions, withDefault } from '../../support/options.ts'
import { secondsOf } from '../../time.ts'
import { parsed } from '../configuration.ts'
import type { Processor } from '../processor.ts'
import { parseEndpoint } from '../rules/origin.ts'
import { disposeAfter } from '../secret.ts'
import { commandScopes } from '../stores/oauth/command-scopes.ts'
import { checkGrantedScope, requestToken } from '../stores/oauth/token-endpoint.ts'
import { bearer } from './bearer.ts'
import { type FieldParameter, optional } from './field.ts'

/** Parameters of {@link clientCredentials}. */
export interface ClientCredentialsParameters extends FieldParameter {
  /** The only address to which the client secret is sent. */
  readonly tokenEndpoint: string
  readonly clientId: string
  /** Default `basic`. */
  readonly authentication?: 'basic' | 'post'
  /** Scopes by command. The longest command that covers the call applies; a call without one is refused. */
  readonly scopes?: Readonly<Record<string, string>>
  /** RFC 8707. */
  readonly resource?: string
}

/**
 * Exchanges the secret, a client secret, for an access token, and sends the token (RFC 6749, section 4.4). One token is
 * requested at a time, and kept until shortly before it expires.
 *
 * @throws ArgumentError when a parameter is invalid.
 */
export function clientCredentials(parameters: ClientCredentialsParameters): Processor {
  const { tokenEndpoint, clientId, authentication, scopes, resource, field } = readOptions(
    'clientCredentials',
    parameters,
    {
      tokenEndpoint: nonEmptyString,
      clientId: nonEmptyString,
      authentication: withDefault(oneOfStrings('basic', 'post'), 'basic'),
      scopes: maybe(objectValue),
      resource: maybe(nonEmptyString),
      field: maybe(nonEmptyString),
    },
  )
  const endpoint = parseEndpoint(tokenEndpoint, (what) => {
    return new ArgumentError(`clientCredentials: \`tokenEndpoint\`: ${what}`)
  })
  const byCommand = parsed('clientCredentials', 'scopes', () => commandScopes(scopes))
  return Object.freeze({
    ...bearer(),
    origins: [endpoint.origin],
    description: {
      type: 'client-credentials',
      tokenEndpoint: endpoint.href,
      clientId,
      authentication,
      ...(scopes !== undefined && { scopes: { ...scopes } }),
      ...optional('resource', resource),
      ...optional('field', field),
    },
    scope: (command) => byCommand.scopeFor(command) ?? '',
    derive: async (kept, { clock, fetch, signal, command }) => {
      const scope = byCommand.scopeFor(command)
      const form: (readonly [string, string])[] = [['grant_type', 'client_credentials']]
      if (scope !== undefined) form.push(['scope', scope])
      if (resource !== undefined) form.push(['resource', resource])
      const secret = field === undefined ? kept.copy() : kept.part(field)
      const client = { id: clientId, authentication, secret }
      const ask = { endpoint, client, form, fetch, signal }
      const answer = await disposeAfter([secret], () => requestToken(ask, secondsOf(clock)))
      checkGrantedScope(scope, answer.scope)
      const { accessToken, expiresAt } = answer
      return { secret: accessToken, downscoped: scope !== undefined, ...(expiresAt !== undefined && { expiresAt }) }
    },
  } satisfies Processor)
}
