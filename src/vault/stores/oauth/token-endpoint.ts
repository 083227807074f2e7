/**
 * Requests to the token and revocation endpoints of an authorization server (RFC 6749, RFC 7009, RFC 8693).
 *
 * @module
 */

import { encodeBase64 } from '../../../core/ipld/base.ts'
import { VaultError } from '../../../errors.ts'
import type { Timestamp } from '../../../time.ts'
import { SecretFailure } from '../../release/failure.ts'
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

/** The response of a token endpoint. */
export interface TokenAnswer {
  readonly accessToken: Secret
  readonly expiresAt?: Timestamp
  /** The granted scope. The server must report it if it differs from the requested one. */
  readonly scope?: string
  /** A successor of the refresh token that was sent. */
  readonly refreshToken?: Secret
  /** RFC 8693, section 2.2.1. */
  readonly issuedTokenType?: string
  /** RFC 9396, section 7; not checked. */
  readonly authorizationDetails?: unknown
}

/** A request to an endpoint of an authorization server. */
export interface TokenRequest {
  readonly endpoint: URL
  readonly client: OAuthClient
  /** Form parameters in order, including secrets. */
  readonly form: readonly (readonly [string, string])[]
  readonly fetch: typeof fetch
  readonly signal?: AbortSignal | undefined
}

/**
 * Requests a token.
 *
 * @param now - the present time, for `expires_in`.
 * @throws VaultError `ERR_VAULT_REVOKED` when the grant is refused, `ERR_VAULT_DOWNSCOPE` when the scope is refused,
 *   `ERR_VAULT_CONFIGURATION` when the client is refused, `ERR_VAULT_UNAVAILABLE`, `ERR_VAULT_INTEGRITY`.
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
  // A token that is bound to a key cannot be sent as a bearer token, and `N_A` is not an access token.
  if (tokenType.toLowerCase() !== 'bearer') {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'the token endpoint returned a token that is not a bearer token')
  }
  const expiresIn = secondsIn(fields.get('expires_in'))
  const scope = scopeIn(fields.get('scope'))
  const refreshToken = fields.get('refresh_token') ?? undefined
  if (refreshToken !== undefined && typeof refreshToken !== 'string') throw wrongType('refresh_token')
  const issuedTokenType = fields.get('issued_token_type')
  return {
    accessToken: new Secret(accessToken),
    ...(isLifetime(expiresIn) && { expiresAt: now + Math.floor(expiresIn) }),
    ...(scope !== undefined && { scope }),
    ...(refreshToken !== undefined && refreshToken !== '' && { refreshToken: new Secret(refreshToken) }),
    ...(typeof issuedTokenType === 'string' && { issuedTokenType }),
    ...(fields.has('authorization_details') && { authorizationDetails: fields.get('authorization_details') }),
  }
}

/**
 * Revokes a token (RFC 7009).
 *
 * @throws VaultError `ERR_VAULT_UNAVAILABLE` or `ERR_VAULT_CONFIGURATION` when the server does not confirm.
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
      `the revocation endpoint refused the request with status ${answer.status}; the token remains valid until it expires`,
    )
  }
}

/**
 * Refuses a token with a broader scope than requested.
 *
 * @param requested - the scope of the request; without one there is nothing to compare.
 */
export function checkGrantedScope(requested: string | undefined, granted: string | undefined): void {
  if (requested === undefined || granted === undefined) return
  const wanted = new Set(requested.split(' '))
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

/** A missing scope means the requested one, so one that cannot be read is refused. Some servers write a list. */
function scopeIn(scope: unknown): string | undefined {
  if (scope === undefined || scope === null) return undefined
  if (typeof scope === 'string') return scope
  if (Array.isArray(scope) && scope.every((one) => typeof one === 'string')) return scope.join(' ')
  throw wrongType('scope')
}

/** Some servers write the number as a string. */
function secondsIn(expiresIn: unknown): number | undefined {
  if (expiresIn === undefined || expiresIn === null) return undefined
  if (typeof expiresIn === 'number') return expiresIn
  if (typeof expiresIn === 'string' && /^\d{1,10}$/.test(expiresIn)) return Number(expiresIn)
  throw wrongType('expires_in')
}

function wrongType(name: string): VaultError {
  return new VaultError('ERR_VAULT_INTEGRITY', `the token endpoint returned a \`${name}\` of a wrong type`)
}

/** Whether it is a plausible lifetime; JSON has numbers that are read as infinite. */
function isLifetime(seconds: unknown): seconds is number {
  return typeof seconds === 'number' && seconds > 0 && seconds <= maxLifetime
}

/** Form-encodes a client id or secret before the two are joined (RFC 6749, section 2.3.1). */
function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}

/**
 * The error of RFC 6749, section 5.2, whose code is the message of the cause. `error_description` is not shown: it is
 * text of the server, which may echo a secret.
 */
function refusal(error: unknown): VaultError {
  if (error === 'invalid_grant') {
    return new VaultError(
      'ERR_VAULT_REVOKED',
      'the token endpoint refused the grant: it is revoked, used or expired; store a new one',
      { cause: new Error(error) },
    )
  }
  if (error === 'invalid_scope' || error === 'invalid_target' || error === 'invalid_authorization_details') {
    return new VaultError(
      'ERR_VAULT_DOWNSCOPE',
      `the token endpoint refused the requested scope or target (${error}); correct the options of the credential`,
    )
  }
  if (error === 'temporarily_unavailable' || error === 'server_error' || error === 'slow_down') {
    // The server works, so it may answer others.
    return new SecretFailure(`the token endpoint is not available now (${error})`)
  }
  const known = typeof error === 'string' && knownErrors.has(error) ? error : 'unknown error'
  return new VaultError(
    'ERR_VAULT_CONFIGURATION',
    `the token endpoint refused this client (${known}); check its id, secret and authentication`,
    { cause: new Error(known) },
  )
}

/** A hundred years, in seconds: longer than the lifetime of any token. */
const maxLifetime = 3_155_760_000

const knownErrors: ReadonlySet<string> = new Set([
  'invalid_client',
  'invalid_request',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_token_type',
])
