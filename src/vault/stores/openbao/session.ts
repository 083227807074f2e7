/**
 * Requests to an OpenBao or HashiCorp Vault server as a logged-in client.
 *
 * @module
 */

import { VaultError } from '../../../errors.ts'
import { unlessAborted } from '../../../support/abort.ts'
import { startDeadline } from '../../../support/deadline.ts'
import { quote } from '../../../support/quote.ts'
import { type Clock, secondsOf, type Timestamp } from '../../../time.ts'
import { SecretFailure } from '../../release/failure.ts'
import { Secret } from '../../secret.ts'
import { asObject, callBackend, parseAnswer } from '../http-backend.ts'

/** A login method of OpenBao. Make one with `appRole`, `jwtLogin`, `wrappedAppRole` or `fixedToken`. */
export interface OpenBaoLogin {
  /** Resolves a token of the server and its lifetime in seconds; 0 means that it does not expire. */
  logIn(call: BareCall): Promise<{ readonly token: Secret; readonly seconds: number }>
}

/** Milliseconds for a login. Other requests may wait for it. */
const loginMs = 5_000

/** The name of the server in messages. */
const openbao = 'openbao'

/** Options of {@link createSession}. */
export interface SessionOptions {
  /** For example `https://bao.example:8200`. */
  readonly address: URL
  readonly namespace?: string
  readonly login: OpenBaoLogin
  readonly clock: Clock
  readonly fetch: typeof fetch
}

/** A request to the API. The path is below `/v1/`. */
export interface SessionRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Readonly<Record<string, unknown>>
  readonly signal?: AbortSignal | undefined
}

/** A logged-in client. It logs in when it needs a token, once for all requests that wait. */
export interface Session {
  /**
   * Sends a request and reads the response; `undefined` when nothing exists at the path (404).
   *
   * @throws VaultError `ERR_VAULT_CONFIGURATION` when the server refuses, `ERR_VAULT_UNAVAILABLE`,
   *   `ERR_VAULT_INTEGRITY`.
   */
  call(request: SessionRequest): Promise<ReadonlyMap<string, unknown> | undefined>
}

/** Sends a request without a session, with a token or without one. */
export type BareCall = (
  request: SessionRequest,
  token: Secret | undefined,
) => Promise<{ readonly status: number; readonly fields: ReadonlyMap<string, unknown> }>

interface Token {
  readonly token: Secret
  /** The time at which a new token is requested. */
  readonly until: Timestamp
}

/** Makes a session. Nothing is sent before the first call. */
export function createSession(options: SessionOptions): Session {
  const { address, namespace, login, clock, fetch } = options
  let present: Promise<Token> | undefined

  const bare: BareCall = async (request, token) => {
    const url = new URL(`v1/${request.path}`, address)
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value)
    const headers: Record<string, string> = { accept: 'application/json', 'x-vault-request': 'true' }
    if (namespace !== undefined) headers['x-vault-namespace'] = namespace
    if (token !== undefined) headers['x-vault-token'] = token.reveal()
    if (request.body !== undefined) headers['content-type'] = 'application/json'
    const answer = await callBackend({
      backend: openbao,
      url,
      method: request.method,
      headers,
      fetch,
      ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
      ...(request.signal !== undefined && { signal: request.signal }),
    })
    const empty = answer.status === 204 || answer.text === ''
    return { status: answer.status, fields: empty ? new Map() : parseAnswer(answer, openbao) }
  }

  async function logIn(): Promise<Token> {
    const now = secondsOf(clock)
    const deadline = startDeadline([], loginMs)
    try {
      const { signal } = deadline
      // A login may wait for a callback that ignores the signal.
      const { token, seconds } = await unlessAborted(
        () => login.logIn((request, own) => bare({ ...request, signal }, own)).catch(forAll),
        signal,
      )
      // A token without an expiry is replaced each hour, so that a revoked one is not kept longer.
      return { token, until: now + Math.floor(((seconds === 0 ? 5_400 : seconds) * 2) / 3) }
    } finally {
      deadline.clear()
    }
  }

  /** Waits for a login. If it fails, or the caller gives up, the next request logs in again. */
  async function joined(login: Promise<Token>, signal: AbortSignal | undefined): Promise<Token> {
    try {
      return await unlessAborted(login, signal)
    } catch (error) {
      if (present === login) present = undefined
      throw error
    }
  }

  /** Returns the token to use, which is not `refused`. The first request that needs a new token logs in for all. */
  async function token(refused: Secret | undefined, signal: AbortSignal | undefined): Promise<Secret> {
    const waiting = present
    if (waiting !== undefined) {
      const held = await joined(waiting, signal)
      if (held.token !== refused && secondsOf(clock) < held.until) return held.token
      if (present === waiting) present = undefined
    }
    present ??= logIn()
    return (await joined(present, signal)).token
  }

  return {
    async call(request) {
      const first = await token(undefined, request.signal)
      let { status, fields } = await bare(request, first)
      // A token can expire early. If a new token is refused as well, its policy does not allow the request.
      if (status === 403) ({ status, fields } = await bare(request, await token(first, request.signal)))
      if (status === 404) return undefined
      if (status === 200 || status === 204) return fields
      throw new VaultError(
        'ERR_VAULT_CONFIGURATION',
        `openbao refused ${request.method} ${quote(request.path, 128)} with status ${status}; check the policy of the token`,
      )
    },
  }
}

/** Without a login no secret can be read, so its failure counts for the store. */
function forAll(error: unknown): never {
  throw error instanceof SecretFailure ? new VaultError(error.code, error.message) : error
}

/**
 * Reads the `auth` part of the response to a login.
 *
 * @throws VaultError `ERR_VAULT_CONFIGURATION` when the login was refused, `ERR_VAULT_INTEGRITY`.
 */
export function readAuth(answer: Awaited<ReturnType<BareCall>>): { readonly token: Secret; readonly seconds: number } {
  if (answer.status !== 200) {
    throw new VaultError(
      'ERR_VAULT_CONFIGURATION',
      `openbao refused the login with status ${answer.status}; check the role and its secret`,
    )
  }
  const auth = asObject(answer.fields.get('auth'))
  const token = auth?.get('client_token')
  const seconds = auth?.get('lease_duration')
  if (typeof token !== 'string' || token === '' || typeof seconds !== 'number' || !(seconds >= 0)) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'openbao returned no token for a login')
  }
  return { token: new Secret(token), seconds }
}
