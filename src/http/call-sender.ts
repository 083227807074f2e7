/**
 * Sending calls over HTTP, and each delegation no more often than the service needs it.
 *
 * @module
 */

import { encodeContainer } from '../container/container.ts'
import type { Delegation } from '../delegation/delegation.ts'
import { ArgumentError } from '../errors.ts'
import type { Invocation } from '../invocation/invocation.ts'
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
} from '../support/options.ts'
import { mediaType } from './read-container.ts'

/** Options of {@link createCallSender}. */
export interface CallSenderOptions {
  /** Default: the host's. */
  readonly fetch?: typeof globalThis.fetch
  /** Longest container in a header, in characters; a longer one is the body. Default 8,192. */
  readonly headerCharacters?: number
  /**
   * The header for the container. Default `authorization`, and another `Authorization` is not sent. With
   * `x-ucan-container` the `Authorization` of the request is sent, such as an access token that the service asks for.
   */
  readonly header?: 'authorization' | 'x-ucan-container'
}

/** A request around a call. A body of its own is text or bytes, as it may have to be sent twice. */
export interface CallRequest {
  /** Default: `POST`. */
  readonly method?: string
  /** The container is put in beside them, see {@link CallSenderOptions.header}. */
  readonly headers?: ConstructorParameters<typeof Headers>[0]
  readonly body?: string | Uint8Array
  /** Ends the request. */
  readonly signal?: AbortSignal | undefined
}

/** Sends calls, and remembers what services were sent. */
export interface CallSender {
  /**
   * Sends an invocation to a service: with all its proofs the first time, then without those that the service was sent
   * and accepted. When it answers that some are missing (510 with `prf`), the same call is sent once more, with all.
   * Redirects are not followed.
   *
   * @returns the last answer, whatever its status.
   * @throws what `fetch` throws, and {@link ArgumentError} when something is missing or of another kind.
   */
  send(
    url: string | URL,
    invocation: Invocation,
    proofs: readonly Delegation[],
    request?: CallRequest,
  ): Promise<Response>
}

/** What a service was sent: names of delegations, and how often in a row it had none of them. */
interface Service {
  readonly sent: Set<string>
  misses: number
}

/** Most services that are remembered, and most delegations of each. */
const maxServices = 256
const maxSent = 1_024

/**
 * Makes a sender. A service that twice in a row has forgotten what it was sent, as one that remembers nothing does, is
 * sent everything from then on.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function createCallSender(options: CallSenderOptions = {}): CallSender {
  const {
    fetch = globalThis.fetch,
    headerCharacters = 8_192,
    header = 'authorization',
  } = readOptions('createCallSender', options, {
    fetch: maybe(callback),
    headerCharacters: maybe(integerFrom(0)),
    header: maybe(oneOfStrings('authorization', 'x-ucan-container')),
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
      const request = readOptions('send', options, requestChecks)
      const { origin, username, password } = parsed('url', () => new URL(url))
      // `fetch` would refuse it too, and show it.
      if (username !== '' || password !== '') throw new ArgumentError('`url` must be without user name and password')
      const service = serviceOf(`${origin} ${invocation.audience ?? invocation.subject}`)
      const unsent = service.misses < 2 ? proofs.filter(({ cid }) => !service.sent.has(String(cid))) : proofs
      const ask = (sent: readonly Delegation[]): Promise<Response> =>
        fetch(url, initOf(encodeContainer([invocation, ...sent]), request, { header, headerCharacters }))
      let response = await ask(unsent)
      // HTP-06
      if (unsent.length < proofs.length) {
        if (response.status === 510) {
          service.misses += 1
          service.sent.clear()
          // How the rest of it ends is nobody's concern, and need not be waited for.
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
      : 'must be a method of HTTP, such as POST',
  headers: anything,
  body: (body) =>
    body === undefined || typeof body === 'string' || body instanceof Uint8Array
      ? undefined
      : 'must be a string or a Uint8Array, because it may be sent twice',
  signal: maybe(abortSignal),
})

function checkTokens(invocation: Invocation, proofs: readonly Delegation[]): void {
  refusePromise('invocation', invocation)
  refusePromise('proofs', proofs)
  if (invocation?.kind !== 'invocation') throw new ArgumentError('`invocation` must be what `invoke` gives')
  const fault = arrayOf((proof) => (Object(proof).kind === 'delegation' ? undefined : 'must be a delegation'))(proofs)
  if (fault !== undefined) throw new ArgumentError(`\`proofs\` ${fault}`)
}

/** Neither shows what was given: a header can hold a secret. */
function parsed<T>(name: 'url' | 'headers', parse: () => T): T {
  try {
    return parse()
  } catch {
    throw new ArgumentError(`\`${name}\` must be what \`fetch\` takes there${name === 'url' ? ', and absolute' : ''}`)
  }
}

/** The request: the container in a header, or as the body where it is too long and there is no other. */
function initOf(
  container: string,
  { method = 'POST', body, ...rest }: CallRequest,
  { header, headerCharacters }: Required<Pick<CallSenderOptions, 'header' | 'headerCharacters'>>,
): RequestInit {
  const headers = parsed('headers', () => new Headers(rest.headers))
  const init = { method, redirect: 'error', ...(rest.signal !== undefined && { signal: rest.signal }) } as const
  // HTP-09: a container of the caller's own beside this one would be refused
  headers.delete('x-ucan-container')
  if (header === 'authorization') headers.delete('authorization')
  if (container.length <= headerCharacters) {
    headers.set(header, header === 'authorization' ? `Bearer ${container}` : container)
    return { ...init, headers, ...(body !== undefined && { body: body as string | Uint8Array<ArrayBuffer> }) }
  }
  if (body !== undefined) {
    throw new ArgumentError(
      `the call has ${container.length} characters, which is too long for a header, and the request has a body of its own`,
    )
  }
  headers.set('content-type', mediaType)
  return { ...init, headers, body: container }
}
