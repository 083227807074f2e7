/**
 * Sends a request with a credential in it: the target is checked on the parsed URL, at the first hop and at each that
 * an upstream redirects to.
 *
 * @module
 */

import type { Authorization } from '../../authorization/authorization.ts'
import { ArgumentError, VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import type { Deadline } from '../../support/deadline.ts'
import { anything, maybe, nonEmptyString, type OptionChecks, readOptions } from '../../support/options.ts'
import type { Clock } from '../../time.ts'
import type { OutgoingRequest, Processor, ProcessorContext } from '../processor.ts'
import { vaultFailure } from '../release/failure.ts'
import type { CredentialRules } from '../rules/credential-rules.ts'
import type { Secret } from '../secret.ts'
import type { UseRequest } from '../vault.ts'
import { checkDestination } from './destination.ts'
import { safeHeaders } from './headers.ts'

/** What sending needs of its surroundings. */
export interface SendOptions {
  readonly clock: Clock
  readonly fetch: typeof fetch
  /** The caller's. */
  readonly signal: AbortSignal | undefined
  /** Until when the upstream must have begun to answer. It follows the caller's signal for as long as there is a body. */
  readonly deadline: Deadline
  /** Redirects that are followed. */
  readonly redirects: number
  /** Asked before each hop but the first. Throws when the call does not stand any more. */
  readonly stillStands: (signal: AbortSignal) => Promise<void>
}

/** The request as it was when the caller called `use`, before a credential is in it. */
export interface PlainRequest {
  readonly reference: string
  readonly authorization: Authorization
  readonly target: string
  readonly method: string
  readonly headers: Headers
  readonly body: Uint8Array | undefined
}

/** A request with its target, which was checked against the rules of the credential. */
export interface TargetedRequest extends Pick<PlainRequest, 'method' | 'headers' | 'body'> {
  readonly url: URL
}

/**
 * Copies a request, so that nothing the caller does to it later changes what is checked or sent.
 *
 * @throws ArgumentError when a part of it is of another kind.
 */
export function copyRequest(given: UseRequest): PlainRequest {
  const request = readOptions('use', given, requestChecks)
  const { body, method = 'GET' } = request
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) {
    throw new VaultError('ERR_VAULT_ORIGIN_REFUSED', `a request with method \`${method}\` cannot have a body`)
  }
  // VLT-05
  return {
    reference: request.reference,
    authorization: request.authorization,
    target: String(request.url),
    method,
    headers: copyHeaders(request.headers),
    body:
      body === undefined ? undefined : typeof body === 'string' ? new TextEncoder().encode(body) : new Uint8Array(body),
  }
}

const requestChecks: OptionChecks<UseRequest> = Object.freeze({
  reference: anything,
  authorization: anything,
  url: anything,
  method: maybe(nonEmptyString),
  headers: anything,
  body: (value) =>
    value === undefined || typeof value === 'string' || value instanceof Uint8Array
      ? undefined
      : 'must be a string or a Uint8Array; for an object, pass JSON.stringify(value)',
})

function copyHeaders(headers: UseRequest['headers']): Headers {
  try {
    return new Headers(headers)
  } catch {
    throw new ArgumentError('`headers` must be Headers, or an object of strings, as `fetch` accepts them')
  }
}

/**
 * Sends the request, following redirects within the origin of the first hop.
 *
 * @returns the response as the upstream gave it; not yet scrubbed.
 * @throws VaultError `ERR_VAULT_ORIGIN_REFUSED` when a hop leads where the credential may not go,
 *   `ERR_VAULT_UPSTREAM` when the upstream does not answer, or redirects too often; what `stillStands` throws; the reason
 *   of the caller's signal when it fires. After it has thrown nothing is sent.
 */
export async function sendWithCredential(
  plain: TargetedRequest,
  credential: CredentialRules & { readonly processor: Processor },
  secret: Secret,
  options: SendOptions,
): Promise<Response> {
  const { deadline, signal: callers, stillStands } = options
  const { signal } = deadline
  try {
    let { url, method, headers, body } = plain
    const { origin } = url
    for (let hops = 0; ; hops += 1) {
      if (hops > 0) await stillStands(signal)
      const request = prepare({ url, method, headers, ...(body !== undefined && { body }) }, credential)
      const signed = await withSecret(credential.processor, request, secret, { ...options, signal })
      const response = await send(signed, origin, options.fetch, signal)
      const location = redirectStatuses.has(response.status) ? response.headers.get('location') : null
      if (location === null) return response
      // How the rest of it ends is nobody's concern, and need not be waited for.
      response.body?.cancel().catch(() => undefined)
      if (hops === options.redirects) {
        throw new VaultError(
          'ERR_VAULT_UPSTREAM',
          `the upstream redirected more than ${options.redirects} times; request the final URL, or raise \`redirects\``,
        )
      }
      const rewritten = rewritesMethod(response.status, method)
      if (rewritten) {
        method = 'GET'
        body = undefined
        headers = withoutContentHeaders(headers)
      }
      url = checkDestination(credential, location, method, url)
      // ORG-08
      if (url.origin !== origin) {
        throw new VaultError(
          'ERR_VAULT_ORIGIN_REFUSED',
          'the upstream redirected to another origin; request its URL directly, if the credential may be sent there',
        )
      }
    }
  } catch (error) {
    if (!signal.aborted || error instanceof VaultError) throw error
    if (callers?.aborted) throw callers.reason
    throw vaultFailure('ERR_VAULT_UPSTREAM', 'the upstream did not answer', signal.reason)
  } finally {
    deadline.clear()
  }
}

/** What a processor of the service's own throws may quote the secret. */
async function withSecret(
  processor: Processor,
  request: OutgoingRequest,
  secret: Secret,
  context: ProcessorContext,
): Promise<OutgoingRequest> {
  try {
    return await unlessAborted(() => processor.apply(request, secret, context), context.signal)
  } catch (error) {
    if (context.signal.aborted || error instanceof VaultError) throw error
    throw vaultFailure('ERR_VAULT_INTEGRITY', 'the processor could not put the secret into the request', error)
  }
}

function prepare(
  request: OutgoingRequest,
  credential: CredentialRules & { readonly processor: Processor },
): OutgoingRequest {
  const url = new URL(request.url)
  for (const name of credential.processor.parameters) url.searchParams.delete(name)
  return { ...request, url, headers: safeHeaders(request.headers, credential) }
}

async function send(
  request: OutgoingRequest,
  origin: string,
  fetch: SendOptions['fetch'],
  signal: AbortSignal,
): Promise<Response> {
  // A processor may add to the URL, and must not move the request elsewhere.
  if (request.url.origin !== origin) {
    throw new VaultError('ERR_VAULT_ORIGIN_REFUSED', 'the processor changed the origin of the request')
  }
  // VLT-47
  signal.throwIfAborted()
  const answer = (async () =>
    fetch(request.url, {
      method: request.method,
      headers: request.headers,
      ...(request.body !== undefined && { body: Uint8Array.from(request.body) }),
      signal,
      redirect: 'manual',
      // In browsers: neither cookies, nor the address of the page, nor the shared cache.
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
    }))()
  let response: Response
  try {
    // A `fetch` of the service's own may ignore the signal.
    response = await unlessAborted(answer, signal)
  } catch (cause) {
    answer.then((late) => late.body?.cancel()).catch(() => undefined)
    if (signal.aborted) throw cause
    throw vaultFailure('ERR_VAULT_UPSTREAM', 'the upstream did not answer', cause)
  }
  if (response.type === 'opaqueredirect') {
    throw new VaultError(
      'ERR_VAULT_ORIGIN_REFUSED',
      'the upstream redirected, and this platform does not report the target',
    )
  }
  if (response.status < 200 || response.status > 599) {
    throw new VaultError('ERR_VAULT_UPSTREAM', `the upstream returned an invalid HTTP status, ${response.status}`)
  }
  return response
}

/** What a redirect does to the method (Fetch Standard, "HTTP-redirect fetch", step 12). */
function rewritesMethod(status: number, method: string): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD'
  return (status === 301 || status === 302) && method === 'POST'
}

function withoutContentHeaders(given: Headers): Headers {
  const headers = new Headers(given)
  for (const name of ['content-encoding', 'content-language', 'content-location', 'content-type']) headers.delete(name)
  return headers
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
