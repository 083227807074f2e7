/**
 * A reverse proxy that puts a credential into the requests of authorized calls.
 *
 * @module
 */

import { ArgumentError } from '../errors.ts'
import type { CommandHandler } from '../service/on.ts'
import { contentDigest } from '../support/digest.ts'
import { arrayOf, maybe, nonEmptyString, type OptionChecks, readOptions } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { privately } from '../support/unshared.ts'
import { isCanonical, type RequestParts } from './binding/request-arguments.ts'

/** Options of {@link proxyTo}. */
export interface ProxyOptions {
  /**
   * The URL before which the path of a call is put: an origin, or an origin with a path that does not end with a slash.
   */
  readonly upstream: string
  /**
   * The names of the headers of a client that are sent to the upstream. No argument of the call covers a header, so a
   * policy does not limit them. Of these names, the vault drops the ones that it drops for every caller, unless the
   * credential lists them too (its `headers`). Default: `accept`, `accept-language`, `content-encoding`,
   * `content-language`, `content-type`, `idempotency-key`, `if-match`, `if-modified-since`, `if-none-match`,
   * `if-unmodified-since`, `prefer` and `user-agent`.
   */
  readonly headers?: readonly string[]
}

/**
 * Makes the handler of a reverse proxy, for a command with `requestArguments` and a credential. It requests the signed
 * path, query and method from the upstream, with the body of the request, whose digest it compares with the signed one.
 * The credential is put into the request by the vault, and its rules (`origins`, `methods`, `pathPrefix`) hold.
 *
 * A redirect of the upstream is passed on and not followed, so that the credential is sent for the signed path alone.
 * The body of the response streams. Use it with `bind: bindToRequest(…)`, which also refuses upgrades to WebSocket.
 *
 * @throws ArgumentError when an option is invalid.
 *
 * @example
 * ```ts
 * import { defineCommand } from 'procura'
 * import { requestArguments } from 'procura/http/binding'
 * import { proxyTo } from 'procura/http/proxy'
 * import { on } from 'procura/service'
 *
 * const request = defineCommand({ command: '/github/request', args: requestArguments() })
 * const forwarding = on({ ...request, credential: 'github' }, proxyTo({ upstream: 'https://api.github.com' }))
 * ```
 */
export function proxyTo(options: ProxyOptions): CommandHandler<RequestParts, Response> {
  const { upstream, headers = usual } = readOptions('proxyTo', options, checks)
  if (!isCanonical(`${upstream}/x`) || /[?#]/.test(upstream)) {
    throw new ArgumentError(
      `proxyTo: \`upstream\` must be a URL without query and without a slash at its end, not ${quote(upstream)}`,
    )
  }
  const sent = namesOf(headers)
  return async ({ args, fetch }, { request }) => {
    const { method, path, query, digest } = args
    const body = await bodyOf(request, digest)
    const url = `${upstream}${path}${query === undefined ? '' : `?${query}`}`
    const response = await fetch(url, {
      method,
      headers: request === undefined ? {} : listedHeaders(request.headers, sent),
      // HTP-41
      redirect: 'return',
      ...(body !== undefined && { body }),
    })
    return asOfProxy(response, upstream, url)
  }
}

const checks: OptionChecks<ProxyOptions> = Object.freeze({
  upstream: nonEmptyString,
  headers: maybe(arrayOf(nonEmptyString)),
})

/** HTP-40: the body of which the call has the digest, whatever the adapter has compared. */
async function bodyOf(request: Request | undefined, digest: string | undefined): Promise<Uint8Array | undefined> {
  if (digest === undefined) return undefined
  const bytes = new Uint8Array((await request?.arrayBuffer()) ?? new ArrayBuffer(0))
  if ((await contentDigest(bytes)) === digest) return bytes
  throw new ArgumentError('the body of the request is not the one that the call has signed; set `bind` of the adapter')
}

/** The headers that most requests need: about the body, the answer, its condition and the repetition of the request. */
const usual: readonly string[] = Object.freeze([
  ...['accept', 'accept-language', 'content-encoding', 'content-language', 'content-type', 'idempotency-key'],
  ...['if-match', 'if-modified-since', 'if-none-match', 'if-unmodified-since', 'prefer', 'user-agent'],
])

/** Headers of one connection (RFC 9110, 7.6.1), and those that are for this service. */
const own: ReadonlySet<string> = new Set([
  ...['authorization', 'connection', 'content-length', 'cookie', 'expect', 'host', 'keep-alive', 'proxy-authorization'],
  ...['proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'x-ucan-container'],
])

function namesOf(headers: readonly string[]): ReadonlySet<string> {
  const names = headers.map((name) => name.toLowerCase())
  const fault = names.find((name) => own.has(name) || !/^[a-z0-9!#$&'*+.^_`|~-]+$/.test(name))
  if (fault === undefined) return new Set(names)
  throw new ArgumentError(
    `proxyTo: \`headers\` contains ${quote(fault)}, which is malformed, or is not sent to an upstream; remove it`,
  )
}

/** HTP-42: the headers that a client may send to the upstream. The vault removes others that carry authority. */
function listedHeaders(given: Headers, sent: ReadonlySet<string>): Headers {
  const ofConnection = new Set((given.get('connection') ?? '').toLowerCase().split(/[\s,]+/))
  const headers = new Headers()
  for (const [name, value] of given) if (sent.has(name) && !ofConnection.has(name)) headers.append(name, value)
  return headers
}

/** The response, as one of the origin of the proxy. */
function asOfProxy({ body, status, headers: given }: Response, upstream: string, requested: string): Response {
  const headers = new Headers(given)
  const location = given.get('location')
  if (location !== null) headers.set('location', locationOf(location, upstream, requested))
  headers.set('cache-control', privately(given.get('cache-control')))
  return new Response(body, { status, headers })
}

/** HTP-41: a redirect within the upstream leads to the proxy, and any other one to where the upstream meant it to. */
function locationOf(location: string, upstream: string, requested: string): string {
  if (!URL.canParse(location, requested)) return location
  const { href } = new URL(location, requested)
  const path = href.startsWith(`${upstream}/`) ? href.slice(upstream.length) : href
  // A path that begins with two slashes would be read as the host of another service.
  return path.startsWith('//') ? `/.${path}` : path
}
