/**
 * Requests to services that store or create secrets. Redirects are not followed, responses have a maximum size, and
 * errors quote neither the request nor the response.
 *
 * @module
 */

import { VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { readBounded } from '../../support/read-bounded.ts'
import { vaultFailure } from '../../support/vault-failure.ts'
import { SecretFailure } from '../release/failure.ts'

/** The maximum size of a response. */
const maxAnswerBytes = 1_048_576

/** A request to a service. */
export interface BackendRequest {
  /** The name of the service in messages: `openbao`, `the token endpoint`. */
  readonly backend: string
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>> | Headers
  readonly body?: string | Uint8Array
  readonly fetch: typeof fetch
  readonly signal?: AbortSignal | undefined
}

/** The response of a service. */
export interface BackendAnswer {
  readonly status: number
  /** The body as text; it may contain secrets. */
  readonly text: string
}

/**
 * Sends the request.
 *
 * @throws VaultError `ERR_VAULT_UNAVAILABLE` when the request fails, or has status 429 or 5xx; `ERR_VAULT_INTEGRITY`
 *   when the response is longer than 1 MiB or not UTF-8; `ERR_VAULT_CONFIGURATION` when it is a redirect.
 */
export async function callBackend(request: BackendRequest): Promise<BackendAnswer> {
  const { backend, signal } = request
  try {
    // A custom `fetch` may ignore the signal.
    return await unlessAborted(() => exchange(request), signal)
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `${backend} could not be reached`, cause)
  }
}

async function exchange(request: BackendRequest): Promise<BackendAnswer> {
  // The `fetch` of some platforms throws when it is called as a method of another object.
  const { backend, fetch, headers, method, signal, url } = request
  let response: Response
  try {
    response = await fetch(url, {
      method,
      headers,
      ...(request.body !== undefined && {
        body: typeof request.body === 'string' ? request.body : Uint8Array.from(request.body),
      }),
      ...(signal !== undefined && { signal }),
      redirect: 'manual',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
    })
  } catch (cause) {
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `${backend} could not be reached`, cause)
  }
  const { status } = response
  if (response.type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    response.body?.cancel().catch(() => undefined)
    // VLT-28: a redirect would send the contents of the request on.
    throw new VaultError(
      'ERR_VAULT_CONFIGURATION',
      `${backend} returned a redirect; configure the address that it redirects to`,
    )
  }
  const bytes = await readBounded(response.body?.getReader(), maxAnswerBytes).catch((cause: unknown) => {
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `${backend} did not complete its response`, cause)
  })
  if (bytes === undefined)
    throw new VaultError('ERR_VAULT_INTEGRITY', `${backend} returned more than ${maxAnswerBytes} bytes`)
  const message = `${backend} returned status ${status}`
  // A gateway before the service says that the service itself is away.
  if (status >= 502 && status <= 504) throw new VaultError('ERR_VAULT_UNAVAILABLE', message)
  if (status === 429 || status >= 500) throw new SecretFailure(message)
  return { status, text: textOf(bytes, backend) }
}

/**
 * Reads a response as a JSON object.
 *
 * @throws VaultError `ERR_VAULT_INTEGRITY` when it is not one.
 */
export function parseAnswer(answer: BackendAnswer, backend: string): ReadonlyMap<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(answer.text)
  } catch {
    // SEC-06: the message of the parser quotes its input.
    value = undefined
  }
  const object = asObject(value)
  if (object === undefined) throw new VaultError('ERR_VAULT_INTEGRITY', `${backend} did not return a JSON object`)
  return object
}

/** Returns a JSON object as a Map, so that no inherited name can be read; `undefined` for other values. */
export function asObject(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return new Map(Object.entries(value))
}

/** Replacement characters for invalid UTF-8 would change the secret. */
function textOf(bytes: Uint8Array, backend: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new VaultError('ERR_VAULT_INTEGRITY', `${backend} returned bytes that are not UTF-8`)
  }
}
