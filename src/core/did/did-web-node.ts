// node only: uses node:dns, node:https, node:stream
/**
 * A `fetch` for `webResolver` that connects to public addresses only.
 *
 * ```ts
 * const resolver = webResolver({ fetch: publicFetch() })
 * ```
 *
 * @module
 */

import * as dns from 'node:dns'
import type { IncomingMessage } from 'node:http'
import * as https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { ResolutionError } from '../../errors.ts'
import { callback, maybe, nonEmptyString, readOptions, withDefault } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import type { FetchInit, FetchLike } from './fetch-document.ts'
import { isPublicAddress } from './public-address.ts'

/** Options of {@link publicFetch}. */
export interface PublicFetchOptions {
  /** Whether a connection to an address is allowed. Default `isPublicAddress`. */
  readonly isAllowed?: (address: string) => boolean
  /** Finds the addresses of a host name. Default `dns.lookup`. */
  readonly lookup?: (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>
  /** CA certificates in PEM. Default: those that Node trusts. */
  readonly ca?: string
}

/**
 * Makes a `fetch` that connects only to checked addresses. The connection itself makes the only DNS look-up, so a name
 * cannot resolve to one address when it is checked and to another when it is used. A name is refused when one of its
 * addresses is not allowed.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function publicFetch(options: PublicFetchOptions = {}): FetchLike {
  const { isAllowed, lookup, ca } = readOptions('publicFetch', options, {
    isAllowed: withDefault(callback, isPublicAddress),
    lookup: withDefault(callback, lookupAll),
    ca: maybe(nonEmptyString),
  })
  const isPermitted = (address: string): boolean => {
    const answer: unknown = isAllowed(address)
    if (typeof answer === 'boolean') return answer
    void Promise.resolve(answer).catch(() => undefined)
    throw new ResolutionError('`isAllowed` must return true or false, not a promise or another value')
  }
  // WEB-13
  const find = async (host: string) => {
    const addresses = await lookup(host)
    const [first] = addresses
    if (first === undefined || !addresses.every(({ address }) => isPermitted(address))) {
      throw new ResolutionError(`the host ${quote(host)} has an address that is not public`)
    }
    return [first, ...addresses.slice(1)] as const
  }
  const checked: LookupFunction = (host, { all }, callback) => {
    find(host).then(
      (addresses) => (all ? callback(null, [...addresses]) : callback(null, addresses[0].address, addresses[0].family)),
      (error: NodeJS.ErrnoException) => callback(error, ''),
    )
  }
  return (url, init) =>
    new Promise((resolve, reject) => {
      const { signal, headers } = init
      const literal = new URL(url).hostname.replace(/^\[/, '').replace(/\]$/, '')
      // A connection to an IP address makes no look-up.
      if (isIP(literal) !== 0 && !isPermitted(literal)) {
        throw new ResolutionError(`${quote(literal)} is not a public address`)
      }
      // No agent: a kept-alive connection belongs to an earlier look-up.
      const request = https.get(
        url,
        { agent: false, lookup: checked, signal, headers, ...(ca && { ca }) },
        (message) => {
          try {
            resolve(responseOf(message, url, init))
          } catch (error) {
            message.destroy()
            reject(error)
          }
        },
      )
      request.on('error', reject)
    })
}

function responseOf(message: IncomingMessage, url: string, { redirect }: FetchInit): Response {
  const { statusCode: status = 0, headers } = message
  if (redirect === 'error' && status >= 300 && status < 400) {
    throw new ResolutionError(`${quote(url, 128)} responds with a redirect`)
  }
  const contentType = headers['content-type']
  const body = status === 200 ? (Readable.toWeb(message) as NodeReadableStream<Uint8Array>) : null
  if (body === null) message.destroy()
  return new Response(body as ReadableStream | null, {
    status,
    headers: contentType === undefined ? {} : { 'content-type': contentType },
  })
}

function lookupAll(host: string): Promise<readonly dns.LookupAddress[]> {
  return dns.promises.lookup(host, { all: true })
}
