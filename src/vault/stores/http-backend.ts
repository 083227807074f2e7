/**
 * Calls to services that keep or make secrets. No redirects, bounded answers, and errors that quote nothing of what was
 * sent or received.
 *
 * @module
 */

import { VaultError } from '../../errors.ts'
import { createWriter, writeRaw, writtenBytes } from '../../ipld/writer.ts'
import { unlessAborted } from '../../support/abort.ts'
import { vaultFailure } from '../release/failure.ts'

/** How much of an answer is read. */
const maxAnswerBytes = 1_048_576

/** A call to a backend. */
export interface BackendRequest {
  /** What the backend is called in messages: `openbao`, `the token endpoint`. */
  readonly backend: string
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>> | Headers
  readonly body?: string | Uint8Array
  readonly fetch: typeof fetch
  readonly signal?: AbortSignal | undefined
}

/** What a backend answered. */
export interface BackendAnswer {
  readonly status: number
  /** The body as text; may hold secrets. */
  readonly text: string
}

/**
 * Makes the call.
 *
 * @throws VaultError `ERR_VAULT_UNAVAILABLE` when there is no whole answer, or one of a server that cannot
 *   answer now (429, 5xx); `ERR_VAULT_INTEGRITY` when the answer is longer than 1 MiB or not UTF-8.
 */
export async function callBackend(request: BackendRequest): Promise<BackendAnswer> {
  const { backend, signal } = request
  try {
    // A `fetch` of the service's own may ignore the signal.
    return await unlessAborted(() => exchange(request), signal)
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `${backend} could not be reached`, cause)
  }
}

async function exchange(request: BackendRequest): Promise<BackendAnswer> {
  const { backend, signal } = request
  let response: Response
  try {
    response = await request.fetch(request.url, {
      method: request.method,
      headers: request.headers,
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
    // VLT-28: what was sent would be sent on
    throw new VaultError(
      'ERR_VAULT_CONFIGURATION',
      `${backend} returned a redirect; configure the address that it redirects to`,
    )
  }
  const bytes = await readBytes(response, backend)
  if (status === 429 || status >= 500) {
    throw new VaultError('ERR_VAULT_UNAVAILABLE', `${backend} returned status ${status}`)
  }
  return { status, text: textOf(bytes, backend) }
}

/**
 * Reads an answer as a JSON object.
 *
 * @throws VaultError `ERR_VAULT_INTEGRITY`.
 */
export function parseAnswer(answer: BackendAnswer, backend: string): ReadonlyMap<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(answer.text)
  } catch {
    // SEC-06: the message of the parser quotes its input
    value = undefined
  }
  const object = asObject(value)
  if (object === undefined) throw new VaultError('ERR_VAULT_INTEGRITY', `${backend} did not return a JSON object`)
  return object
}

/** A JSON object as a Map, so that no inherited name can be read; `undefined` when the value is none. */
export function asObject(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return new Map(Object.entries(value))
}

async function readBytes(response: Response, backend: string): Promise<Uint8Array> {
  const answer = createWriter()
  const reader = response.body?.getReader()
  try {
    for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
      if (answer.length + read.value.length > maxAnswerBytes) {
        reader?.cancel().catch(() => undefined)
        throw new VaultError('ERR_VAULT_INTEGRITY', `${backend} returned more than ${maxAnswerBytes} bytes`)
      }
      // One buffer: a chunk that was kept would take far more than its bytes.
      writeRaw(answer, read.value)
    }
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `${backend} did not complete its response`, cause)
  }
  return writtenBytes(answer)
}

/** A reader that replaces what it cannot read would take another secret than the one that was sent. */
function textOf(bytes: Uint8Array, backend: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new VaultError('ERR_VAULT_INTEGRITY', `${backend} returned bytes that are not UTF-8`)
  }
}
