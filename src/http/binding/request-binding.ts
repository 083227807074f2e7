/**
 * Rebuilds the arguments of a call from the request that came with it, at the server.
 *
 * @module
 */

import { ArgumentError } from '../../errors.ts'
import { contentDigest } from '../../support/digest.ts'
import {
  integerFrom,
  nonEmptyArrayOf,
  nonEmptyString,
  type OptionChecks,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { isCanonical, type RequestParts, splitTarget } from './request-arguments.ts'

/** A request, as a server received it. */
export interface ReceivedRequest {
  readonly method: string
  /** The path and query, as the client sent them. */
  readonly target: string
  /** The value of `Host`; undefined if it is missing or repeated. */
  readonly host: string | undefined
  /** All values of a header, by its name in lower case. */
  header(name: string): readonly string[]
  /** The names of all headers, in lower case. */
  names(): readonly string[]
  /** Reads the body. Undefined if a parser of the framework has read it, and has not kept its bytes. */
  body(most: number): Promise<Uint8Array | 'too long' | 'broken off' | undefined>
}

/** The arguments that a call for a request must have, or why the request cannot be bound. */
export type BoundRequest =
  | {
      readonly bound: true
      readonly args: { readonly [Name in keyof RequestParts]: RequestParts[Name] | undefined }
      /** The body that the digest is of; undefined if it was not read. */
      readonly body: Uint8Array | undefined
    }
  | { readonly bound: false; readonly status: 400 | 413 | 421; readonly message: string }

/** Rebuilds arguments from requests. Made by {@link bindToRequest} and `bindToForwarded`. */
export interface RequestBinding {
  read(request: ReceivedRequest): Promise<BoundRequest>
  /**
   * Whether a proxy asks about the request of its client, as with `bindToForwarded`. `healthAt` of an adapter requires
   * false, so a binding that wraps another one passes it on. Default: not known.
   */
  readonly asksForProxy?: boolean
}

/** Options of {@link bindToRequest}. */
export interface BindToRequestOptions {
  /** The origins of the service, such as `https://api.example.com`. A request for another host is refused. */
  readonly origins: readonly string[]
  /**
   * The path at which a router has mounted the handler, if the router removes that path from the request: `mount` of
   * Hono does. The call is bound to the path of the client, which begins with this one. Default: none.
   */
  readonly mountedAt?: string
  /** Most bytes of a body, which is read before the call is decided. Default 1,048,576. */
  readonly bodyBytes?: number
}

/**
 * Binds calls to their requests, for the option `bind` of an adapter: each call must have the method, scheme, host,
 * path, query and digest of the request that it came with. A call that is moved to another request is refused with
 * `request_mismatch`, and is not used up.
 *
 * @throws ArgumentError when an option is invalid.
 *
 * @example
 * ```ts
 * import { bindToRequest } from 'procura/http/binding'
 * import { nodeHandler } from 'procura/http/node'
 *
 * const bind = bindToRequest({ origins: ['https://api.example.com'] })
 * const handler = nodeHandler(mailService, { bind })
 * ```
 */
export function bindToRequest(options: BindToRequestOptions): RequestBinding {
  const { origins, mountedAt, bodyBytes } = readOptions('bindToRequest', options, checks)
  const schemes = schemesByHost('bindToRequest', origins)
  return Object.freeze({
    asksForProxy: false,
    async read({ method, target, host, header, body }) {
      // HTP-30: the scheme comes from the configuration, because a request does not contain it.
      const scheme = schemes.get(host?.toLowerCase() ?? '')
      if (host === undefined || scheme === undefined) return unbound(421, 'the service is not at this host')
      if (header('upgrade').length > 0) return unbound(400, 'the service does not upgrade connections')
      if (!target.startsWith('/')) return unbound(400, 'send the path of the request, not a URL')
      const bytes = await body(bodyBytes)
      if (bytes === undefined) return unbound(400, 'a body parser of the service has read the body')
      if (bytes === 'too long') return unbound(413, `the body is longer than ${bodyBytes} bytes`)
      if (bytes === 'broken off') return unbound(400, 'the body is incomplete; send it again')
      const digest = bytes.length === 0 ? undefined : await contentDigest(bytes)
      const { path, query } = splitTarget(`${mountedAt}${target}`)
      const args = { method, scheme, host: host.toLowerCase(), path, query, digest }
      return { bound: true, args, body: bytes }
    },
  } satisfies RequestBinding)
}

const checks: OptionChecks<BindToRequestOptions> & {
  readonly [Name in 'bodyBytes' | 'mountedAt']: ReturnType<typeof withDefault>
} = Object.freeze({
  origins: nonEmptyArrayOf(nonEmptyString),
  mountedAt: withDefault(
    (value) =>
      typeof value === 'string' && /^\/(?:[^?#]*[^/?#])$/.test(value) && isCanonical(`https://a.example${value}`)
        ? undefined
        : 'must be a path without a slash at its end, such as `/api`',
    '',
  ),
  bodyBytes: withDefault(integerFrom(0), 1_048_576),
})

/**
 * The scheme of each host.
 *
 * @throws ArgumentError when an origin is malformed, or a host has two schemes.
 */
export function schemesByHost(of: string, origins: readonly string[]): ReadonlyMap<string, 'http' | 'https'> {
  const schemes = new Map<string, 'http' | 'https'>()
  for (const origin of origins) {
    if (!isCanonical(`${origin}/`) || origin.indexOf('/', 8) >= 0)
      throw new ArgumentError(
        `${of}: \`origins\` must contain origins such as https://api.example.com, not ${quote(origin)}`,
      )
    const { host, protocol } = new URL(origin)
    if (schemes.has(host)) throw new ArgumentError(`${of}: \`origins\` has the host ${quote(host)} twice`)
    schemes.set(host, protocol === 'https:' ? 'https' : 'http')
  }
  return schemes
}

/** A request that cannot be bound. */
export function unbound(status: 400 | 413 | 421, message: string): BoundRequest {
  return { bound: false, status, message }
}
