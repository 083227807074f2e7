/**
 * Calls to an OpenBao or HashiCorp Vault server as a logged-in client.
 *
 * @module
 */

import { VaultError } from '../../../errors.ts'
import { unlessAborted } from '../../../support/abort.ts'
import { startDeadline } from '../../../support/deadline.ts'
import { quote } from '../../../support/quote.ts'
import type { Clock, Timestamp } from '../../../time.ts'
import { Secret } from '../../secret.ts'
import { asObject, callBackend, parseAnswer } from '../http-backend.ts'
import type { OpenBaoLogin } from './login.ts'

/** Milliseconds for a login, which others may wait for. */
const loginMs = 5_000

/** What the server is called in messages. */
const openbao = 'openbao'

/** What {@link createSession} needs. */
export interface SessionOptions {
  /** For example `https://bao.example:8200`. */
  readonly address: URL
  readonly namespace?: string
  readonly login: OpenBaoLogin
  readonly clock: Clock
  readonly fetch: typeof fetch
}

/** A call of the API: the path is below `/v1/`. */
export interface SessionRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Readonly<Record<string, unknown>>
  readonly signal?: AbortSignal | undefined
}

/** A logged-in client. It logs in when it has to, once for all who wait. */
export interface Session {
  /**
   * Makes a call and reads the answer; `undefined` when there is nothing at that path (404).
   *
   * @throws VaultError `ERR_VAULT_CONFIGURATION` when the server refuses, `ERR_VAULT_UNAVAILABLE`,
   *   `ERR_VAULT_INTEGRITY`.
   */
  call(request: SessionRequest): Promise<ReadonlyMap<string, unknown> | undefined>
}

/** A call without a session, with the given token or none. */
export type BareCall = (
  request: SessionRequest,
  token: Secret | undefined,
) => Promise<{ readonly status: number; readonly fields: ReadonlyMap<string, unknown> }>

interface Token {
  readonly token: Secret
  /** When a new one is asked for. */
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
    const now = Math.floor(clock.now())
    const deadline = startDeadline([], loginMs)
    try {
      const { signal } = deadline
      // The function of a login may wait for something that ignores the signal.
      const { token, seconds } = await unlessAborted(
        () => login.logIn((request, own) => bare({ ...request, signal }, own)),
        signal,
      )
      // A token that lives for ever is asked for anew each hour, so that one which was revoked is not kept for ever.
      return { token, until: now + Math.floor(((seconds === 0 ? 5_400 : seconds) * 2) / 3) }
    } finally {
      deadline.clear()
    }
  }

  /** Waits for a login. One that takes longer than the time of a reading is begun anew by the next. */
  async function joined(login: Promise<Token>, signal: AbortSignal | undefined): Promise<Token> {
    try {
      return await unlessAborted(login, signal)
    } catch (error) {
      if (present === login) present = undefined
      throw error
    }
  }

  /** The token to use; another one than `refused`. Whoever needs a new one first logs in for all. */
  async function token(refused: Secret | undefined, signal: AbortSignal | undefined): Promise<Secret> {
    const waiting = present
    if (waiting !== undefined) {
      const held = await joined(waiting, signal)
      if (held.token !== refused && Math.floor(clock.now()) < held.until) return held.token
      if (present === waiting) present = undefined
    }
    present ??= logIn()
    return (await joined(present, signal)).token
  }

  return {
    async call(request) {
      const first = await token(undefined, request.signal)
      let { status, fields } = await bare(request, first)
      // A token can end before its time; one that is new and refused is refused for what it may.
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

/**
 * Reads the `auth` part of the answer to a login.
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
