/**
 * Sends a request with a credential. The target of each redirect is checked like the first one.
 *
 * @module
 */

import type { Authorization } from '../../core/authorization/authorization.ts'
import { ArgumentError, VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import type { Deadline } from '../../support/deadline.ts'
import {
  anything,
  type DefaultCheck,
  nonEmptyString,
  type OptionChecks,
  oneOfStrings,
  orEmpty,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { vaultFailure } from '../../support/vault-failure.ts'
import type { Clock } from '../../time.ts'
import type { OutgoingRequest, Processor, ProcessorContext } from '../processor.ts'
import type { CredentialRules } from '../rules/credential-rules.ts'
import type { Secret } from '../secret.ts'
import type { UseRequest } from '../vault.ts'
import { checkDestination } from './destination.ts'
import { safeHeaders } from './headers.ts'
import { withoutParameters } from './query-text.ts'

/** Options of {@link sendWithCredential}. */
export interface SendOptions {
  readonly clock: Clock
  readonly fetch: typeof fetch
  /** The signal of the caller. */
  readonly signal: AbortSignal | undefined
  /** The time within which the response must begin. Its signal follows the caller's until the body has ended. */
  readonly deadline: Deadline
  /** The number of redirects that are followed. */
  readonly redirects: number
  /** Called before each hop but the first. Throws when the call is not authorized any more. */
  readonly beforeRedirect: (signal: AbortSignal) => Promise<void>
  /** Receives the request of each hop with the credential, before it is sent. */
  readonly onSigned: (request: OutgoingRequest) => void
}

/** The request as it was when the caller called `use`, before a credential is in it. */
export interface PlainRequest {
  readonly reference: string
  readonly authorization: Authorization
  readonly target: string
  readonly method: string
  readonly headers: Headers
  readonly body: Uint8Array | undefined
  readonly redirect: 'follow' | 'return'
}

/** A request with its target, which was checked against the rules of the credential. */
export interface TargetedRequest extends Pick<PlainRequest, 'method' | 'headers' | 'body' | 'redirect'> {
  readonly url: URL
}

/**
 * Copies a request, so that later changes by the caller affect neither the checks nor the request that is sent.
 *
 * @throws ArgumentError when a part of it has another type.
 */
export function copyRequest(given: UseRequest): PlainRequest {
  const request = readOptions('use', given, requestChecks)
  const { body, method, redirect } = request
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) {
    throw new VaultError('ERR_VAULT_ORIGIN_REFUSED', `a request with method \`${method}\` cannot have a body`)
  }
  // VLT-05
  return {
    reference: request.reference,
    authorization: request.authorization,
    target: String(request.url),
    method,
    redirect,
    headers: copyHeaders(request.headers),
    body:
      body === undefined ? undefined : typeof body === 'string' ? new TextEncoder().encode(body) : new Uint8Array(body),
  }
}

const requestChecks: OptionChecks<UseRequest> & { readonly [Name in 'method' | 'redirect']: DefaultCheck } =
  Object.freeze({
    reference: anything,
    authorization: orEmpty(anything),
    url: anything,
    method: withDefault(nonEmptyString, 'GET'),
    headers: anything,
    redirect: withDefault(oneOfStrings('follow', 'return'), 'follow'),
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
 * @returns the response of the upstream, not yet scrubbed.
 * @throws VaultError `ERR_VAULT_ORIGIN_REFUSED` when a redirect leads to a target that the rules exclude,
 *   `ERR_VAULT_UPSTREAM` when the upstream fails, times out or redirects too often; the error of `beforeRedirect`; the
 *   reason of the caller's signal when it fires. Nothing is sent afterwards.
 */
export async function sendWithCredential(
  plain: TargetedRequest,
  rules: CredentialRules & { readonly processor: Processor },
  secret: Secret,
  options: SendOptions,
): Promise<Response> {
  const { clock, deadline, fetch, signal: callers, beforeRedirect, onSigned } = options
  const { signal } = deadline
  try {
    let { url, method, headers, body } = plain
    const { origin } = url
    for (let hops = 0; ; hops += 1) {
      if (hops > 0) await beforeRedirect(signal)
      const request = prepare({ url, method, headers, ...(body !== undefined && { body }) }, rules)
      const signed = await withSecret(rules.processor, request, secret, { clock, fetch, signal })
      onSigned(signed)
      const response = await send(signed, origin, fetch, signal)
      const location = redirectStatuses.has(response.status) ? response.headers.get('location') : null
      if (location === null || plain.redirect === 'return') return response
      // The body of a redirect is not used, and its end not awaited.
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
      assertOrigin(location, url)
      url = checkDestination(rules, location, method, url)
    }
  } catch (error) {
    if (!signal.aborted || error instanceof VaultError) throw error
    if (callers?.aborted) throw callers.reason
    throw vaultFailure('ERR_VAULT_UPSTREAM', `the upstream ${plain.url.origin} did not respond`, signal.reason)
  } finally {
    deadline.clear()
  }
}

/** The error of a custom processor may quote the secret, so its text is not kept. */
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
  rules: CredentialRules & { readonly processor: Processor },
): OutgoingRequest {
  const url = withoutParameters(request.url, rules.processor.parameters)
  return { ...request, url, headers: safeHeaders(request.headers, rules) }
}

async function send(
  request: OutgoingRequest,
  origin: string,
  fetch: SendOptions['fetch'],
  signal: AbortSignal,
): Promise<Response> {
  // A processor may add to the URL, and must not change its origin.
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
      // In browsers this excludes cookies, the address of the page and the shared cache.
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
    }))()
  let response: Response
  try {
    // A custom `fetch` may ignore the signal.
    response = await unlessAborted(answer, signal)
  } catch (cause) {
    answer.then((late) => late.body?.cancel()).catch(() => undefined)
    if (signal.aborted) throw cause
    throw vaultFailure('ERR_VAULT_UPSTREAM', `the upstream ${origin} did not respond`, cause)
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

/**
 * Refuses a redirect to another origin. The message does not show it: an upstream can write the secret into its name.
 */
function assertOrigin(location: string, from: URL): void {
  // ORG-08
  if (URL.canParse(location, from) && new URL(location, from).origin === from.origin) return
  throw new VaultError(
    'ERR_VAULT_ORIGIN_REFUSED',
    'the upstream redirected to another origin; request its URL directly, if the credential may be sent there',
  )
}

/** Whether a redirect changes the method to GET (Fetch Standard, "HTTP-redirect fetch", step 12). */
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
