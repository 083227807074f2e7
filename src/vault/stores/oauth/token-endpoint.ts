/**
 * Calls to the token and revocation endpoints of an authorization server (RFC 6749, RFC 7009, RFC 8693).
 *
 * @module
 */

import { VaultError } from '../../../errors.ts'
import { encodeBase64 } from '../../../ipld/base.ts'
import type { Timestamp } from '../../../time.ts'
import { Secret } from '../../secret.ts'
import { callBackend, parseAnswer } from '../http-backend.ts'

/** How a client authenticates (RFC 6749, section 2.3.1): `none` is for public clients. */
export type ClientAuthentication = 'basic' | 'post' | 'none'

/** A client of an authorization server. */
export interface OAuthClient {
  readonly id: string
  readonly authentication: ClientAuthentication
  /** Absent when `authentication` is `none`. */
  readonly secret?: Secret
}

/** What a token endpoint answered. */
export interface TokenAnswer {
  readonly accessToken: Secret
  readonly expiresAt?: Timestamp
  /** What was granted, when the server says so: it must, if it is not what was asked for. */
  readonly scope?: string
  /** A successor of the refresh token that was sent. */
  readonly refreshToken?: Secret
  /** RFC 8693, section 2.2.1. */
  readonly issuedTokenType?: string
  /** RFC 9396, section 7; not checked. */
  readonly authorizationDetails?: unknown
}

/** A call to an endpoint of an authorization server. */
export interface TokenRequest {
  readonly endpoint: URL
  readonly client: OAuthClient
  /** Form parameters, in order; secrets among them. */
  readonly form: readonly (readonly [string, string])[]
  readonly fetch: typeof fetch
  readonly signal?: AbortSignal | undefined
}

/**
 * Asks for a token.
 *
 * @param now - the present time, for `expires_in`.
 * @throws VaultError `ERR_VAULT_REVOKED` when the grant is refused, `ERR_VAULT_DOWNSCOPE` when the scope is,
 *   `ERR_VAULT_CONFIGURATION` when the client is, `ERR_VAULT_UNAVAILABLE`, `ERR_VAULT_INTEGRITY`.
 */
export async function requestToken(request: TokenRequest, now: Timestamp): Promise<TokenAnswer> {
  const answer = await post(request, 'the token endpoint')
  const fields = parseAnswer(answer, 'the token endpoint')
  if (answer.status !== 200) throw refusal(fields.get('error'))
  const accessToken = fields.get('access_token')
  const tokenType = fields.get('token_type')
  if (typeof accessToken !== 'string' || accessToken === '' || typeof tokenType !== 'string') {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'the token endpoint returned no access token')
  }
  // A token bound to a key cannot be sent as a bearer token, and `N_A` is no access token at all.
  if (tokenType.toLowerCase() !== 'bearer') {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'the token endpoint returned a token that is not a bearer token')
  }
  const expiresIn = fields.get('expires_in')
  const scope = fields.get('scope')
  const refreshToken = fields.get('refresh_token')
  const issuedTokenType = fields.get('issued_token_type')
  return {
    accessToken: new Secret(accessToken),
    ...(isLifetime(expiresIn) && { expiresAt: now + Math.floor(expiresIn) }),
    ...(typeof scope === 'string' && { scope }),
    ...(typeof refreshToken === 'string' && refreshToken !== '' && { refreshToken: new Secret(refreshToken) }),
    ...(typeof issuedTokenType === 'string' && { issuedTokenType }),
    ...(fields.has('authorization_details') && { authorizationDetails: fields.get('authorization_details') }),
  }
}

/**
 * Ends a token at its server (RFC 7009).
 *
 * @throws VaultError `ERR_VAULT_UNAVAILABLE` or `ERR_VAULT_CONFIGURATION` when the server did not confirm.
 */
export async function revokeToken(request: Omit<TokenRequest, 'form'>, token: Secret): Promise<void> {
  const form = [
    ['token', token.reveal()],
    ['token_type_hint', 'access_token'],
  ] as const
  const answer = await post({ ...request, form }, 'the revocation endpoint')
  if (answer.status !== 200) {
    throw new VaultError(
      'ERR_VAULT_CONFIGURATION',
      `the revocation endpoint refused the request with status ${answer.status}; the token ends by itself`,
    )
  }
}

/**
 * Refuses a token that can do more than was asked for.
 *
 * @param asked - the scope that was sent; without one there is nothing to compare.
 */
export function checkGrantedScope(asked: string | undefined, granted: string | undefined): void {
  if (asked === undefined || granted === undefined) return
  const wanted = new Set(asked.split(' '))
  // VLT-31
  if (granted.split(' ').some((scope) => scope !== '' && !wanted.has(scope))) {
    throw new VaultError('ERR_VAULT_DOWNSCOPE', 'the token endpoint granted a broader scope than the requested one')
  }
}

async function post(
  request: TokenRequest,
  backend: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const { client, endpoint, fetch, signal } = request
  const form = new URLSearchParams(request.form.map(([name, value]) => [name, value]))
  const headers: Record<string, string> = {
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
  }
  if (client.authentication === 'basic') {
    const pair = `${formEncode(client.id)}:${formEncode(client.secret?.reveal() ?? '')}`
    headers['authorization'] = `Basic ${encodeBase64(new TextEncoder().encode(pair))}`
  } else {
    form.set('client_id', client.id)
    if (client.authentication === 'post') form.set('client_secret', client.secret?.reveal() ?? '')
  }
  const body = form.toString()
  return callBackend({ backend, url: endpoint, method: 'POST', headers, body, fetch, signal })
}

/** Whether it is a time that can be told; JSON has numbers that are read as infinite. */
function isLifetime(seconds: unknown): seconds is number {
  return typeof seconds === 'number' && seconds > 0 && seconds <= maxLifetime
}

/** Form encoding of a client's id and secret before they are joined (RFC 6749, section 2.3.1). */
function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}

/** The error of RFC 6749, section 5.2; `error_description` is text of the server's and may echo what was sent. */
function refusal(error: unknown): VaultError {
  if (error === 'invalid_grant') {
    return new VaultError(
      'ERR_VAULT_REVOKED',
      'the token endpoint refused the grant: it is revoked, used or expired; store a new one',
    )
  }
  if (error === 'invalid_scope' || error === 'invalid_target' || error === 'invalid_authorization_details') {
    return new VaultError(
      'ERR_VAULT_DOWNSCOPE',
      `the token endpoint refused the requested scope or target (${error}); correct the options of the credential`,
    )
  }
  if (error === 'temporarily_unavailable' || error === 'server_error' || error === 'slow_down') {
    return new VaultError('ERR_VAULT_UNAVAILABLE', `the token endpoint is not available now (${error})`)
  }
  const known = typeof error === 'string' && knownErrors.has(error) ? error : 'unknown error'
  return new VaultError(
    'ERR_VAULT_CONFIGURATION',
    `the token endpoint refused this client (${known}); check its id, secret and authentication`,
  )
}

/** A hundred years, in seconds: longer than any token is good for. */
const maxLifetime = 3_155_760_000

const knownErrors: ReadonlySet<string> = new Set([
  'invalid_client',
  'invalid_request',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_token_type',
])
