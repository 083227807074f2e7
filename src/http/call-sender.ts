/**
 * Sends calls over HTTP, and each delegation only as often as the service requires it.
 *
 * @module
 */

import { encodeContainer } from '../core/container/container.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import type { Invocation } from '../core/invocation/invocation.ts'
import { ArgumentError } from '../errors.ts'
import { isConfidential } from '../support/loopback.ts'
import {
  abortSignal,
  anything,
  arrayOf,
  callback,
  integerFrom,
  maybe,
  type OptionChecks,
  oneOfStrings,
  readOptions,
  refusePromise,
  withDefault,
} from '../support/options.ts'
import { mediaType } from './read-container.ts'

/** Options of {@link createCallSender}. */
export interface CallSenderOptions {
  /** Default: the platform's. */
  readonly fetch?: typeof globalThis.fetch
  /** Longest container in a header, in characters; a longer one is sent as the body. Default 8,192. */
  readonly headerCharacters?: number
  /**
   * The header for the container. Default `authorization`, which replaces an `Authorization` of the request. With
   * `x-ucan-container`, the `Authorization` of the request is sent, such as an access token for the service.
   */
  readonly header?: 'authorization' | 'x-ucan-container'
}

/** The request for a call. */
export interface CallRequest {
  /** Default: `POST`. */
  readonly method?: string
  /** Further headers; see {@link CallSenderOptions.header}. */
  readonly headers?: ConstructorParameters<typeof Headers>[0]
  /** A string or bytes, because it may be sent twice. */
  readonly body?: string | Uint8Array
  /** Aborts the request. */
  readonly signal?: AbortSignal | undefined
}

/** Sends calls, and remembers the delegations that it sent to each service. */
export interface CallSender {
  /**
   * Sends an invocation to a service, without the proofs that the service received and accepted before. If the response
   * reports missing proofs (510 with `prf`), the same call is sent once more with all proofs. Redirects are not
   * followed.
   *
   * @param url - https, or http at a loopback address: anybody who reads the call on its way could use it first.
   * @returns the last response, with any status.
   * @throws ArgumentError when an argument is missing or invalid; errors of `fetch`.
   */
  send(
    url: string | URL,
    invocation: Invocation,
    proofs: readonly Delegation[],
    request?: CallRequest,
  ): Promise<Response>
}

/** The delegations that a service received, and how often in a row it lacked them. */
interface Service {
  readonly sent: Set<string>
  misses: number
}

/** Most services that are remembered, and most delegations for each. */
const maxServices = 256
const maxSent = 1_024

/**
 * Makes a sender. A service that twice in a row lacks delegations which it received, because it does not remember them,
 * receives all proofs from then on.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function createCallSender(options: CallSenderOptions = {}): CallSender {
  const {
    fetch = globalThis.fetch,
    headerCharacters,
    header,
  } = readOptions('createCallSender', options, {
    fetch: maybe(callback),
    headerCharacters: withDefault(integerFrom(0), 8_192),
    header: withDefault(oneOfStrings('authorization', 'x-ucan-container'), 'authorization'),
  })
  const services = new Map<string, Service>()

  function serviceOf(name: string): Service {
    const service = services.get(name) ?? { sent: new Set<string>(), misses: 0 }
    services.delete(name)
    if (services.size >= maxServices) services.delete(services.keys().next().value as string)
    services.set(name, service)
    return service
  }

  return Object.freeze({
    async send(url, invocation, proofs, options = {}) {
      checkTokens(invocation, proofs)
      // Both requests are the same, even if the caller changes its objects between them.
      const request = copied(readOptions('send', options, requestChecks))
      const address = parsed('url', () => new URL(url))
      const { href, origin, username, password } = address
      // `fetch` would refuse it with a message that contains the password.
      if (username !== '' || password !== '')
        throw new ArgumentError('send: `url` must not contain a user name or a password')
      if (!isConfidential(address))
        throw new ArgumentError('send: `url` is not encrypted; use https: (plain http: is for loopback only)')
      const service = serviceOf(`${origin} ${invocation.audience ?? invocation.subject}`)
      const unsent = service.misses < 2 ? proofs.filter(({ cid }) => !service.sent.has(String(cid))) : proofs
      const ask = (sent: readonly Delegation[]): Promise<Response> =>
        fetch(href, initOf(encodeContainer([invocation, ...sent]), request, { header, headerCharacters }))
      let response = await ask(unsent)
      // HTP-06
      if (unsent.length < proofs.length) {
        if (response.status === 510) {
          service.misses += 1
          service.sent.clear()
          // The rest of the response is not used, and its end need not be waited for.
          response.body?.cancel().catch(() => undefined)
          response = await ask(proofs)
        } else service.misses = 0
      }
      if (response.ok) {
        for (const { cid } of proofs) if (service.sent.size < maxSent) service.sent.add(String(cid))
      }
      return response
    },
  } satisfies CallSender)
}

const requestChecks: OptionChecks<CallRequest> = Object.freeze({
  method: (method) =>
    method === undefined || (typeof method === 'string' && /^[A-Za-z]{1,32}$/.test(method))
      ? undefined
      : 'must be an HTTP method, such as POST',
  headers: anything,
  body: (body) =>
    body === undefined || typeof body === 'string' || body instanceof Uint8Array
      ? undefined
      : 'must be a string or a Uint8Array, because it may be sent twice',
  signal: abortSignal,
})

function checkTokens(invocation: Invocation, proofs: readonly Delegation[]): void {
  refusePromise('invocation', invocation)
  refusePromise('proofs', proofs)
  if (invocation?.kind !== 'invocation')
    throw new ArgumentError('send: `invocation` must be an invocation, as `invoke` returns it')
  const fault = arrayOf((proof) => (Object(proof).kind === 'delegation' ? undefined : 'must be a delegation'))(proofs)
  if (fault !== undefined) throw new ArgumentError(`send: \`proofs\` ${fault}`)
}

/** The message does not contain the value: a header can be a secret. */
function parsed<T>(name: 'url' | 'headers', parse: () => T): T {
  try {
    return parse()
  } catch {
    throw new ArgumentError(
      `send: \`${name}\` must be ${name === 'url' ? 'an absolute URL' : 'headers that `fetch` accepts'}`,
    )
  }
}

/** A request that its caller cannot change. */
function copied({ headers, body, ...rest }: CallRequest): CallRequest {
  return {
    ...rest,
    headers: parsed('headers', () => new Headers(headers)),
    ...(body !== undefined && { body: typeof body === 'string' ? body : new Uint8Array(body) }),
  }
}

/** The request, with the container in a header, or as the body if it is too long for a header. */
function initOf(
  container: string,
  { method = 'POST', body, ...rest }: CallRequest,
  { header, headerCharacters }: Required<Pick<CallSenderOptions, 'header' | 'headerCharacters'>>,
): RequestInit {
  const headers = new Headers(rest.headers)
  const init = { method, redirect: 'error', ...(rest.signal !== undefined && { signal: rest.signal }) } as const
  // HTP-09: a service refuses a request with two containers.
  headers.delete('x-ucan-container')
  if (header === 'authorization') headers.delete('authorization')
  if (container.length <= headerCharacters) {
    headers.set(header, header === 'authorization' ? `Bearer ${container}` : container)
    return { ...init, headers, ...(body !== undefined && { body: body as string | Uint8Array<ArrayBuffer> }) }
  }
  if (body !== undefined) {
    throw new ArgumentError(
      `send: the container has ${container.length} characters, too many for a header, and the request has its own \`body\`; omit \`body\`, or raise \`headerCharacters\``,
    )
  }
  headers.set('content-type', mediaType)
  return { ...init, headers, body: container }
}
