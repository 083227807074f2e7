// node only: uses node:dns, node:https, node:stream
/**
 * Requests for `webResolver` that reach public addresses only, whatever a name leads to when the connection is made.
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
import { ResolutionError } from '../errors.ts'
import { callback, maybe, nonEmptyString, readOptions } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import type { FetchInit, FetchLike } from './fetch-document.ts'
import { isPublicAddress } from './public-address.ts'

/** Options of {@link publicFetch}. */
export interface PublicFetchOptions {
  /** Tells whether an address may be connected to; default `isPublicAddress`. */
  readonly isAllowed?: (address: string) => boolean
  /** Finds the addresses of a host name; default `dns.lookup`. */
  readonly lookup?: (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>
  /** Certificates of authorities in PEM, instead of those that Node trusts. */
  readonly ca?: string
}

/**
 * Makes a fetch whose connections go to the addresses that were checked: there is one look-up, by the connection
 * itself, so that a name cannot lead to one address when it is checked and to another when it is used. When one address
 * of a name is not allowed the name is not.
 */
export function publicFetch(options: PublicFetchOptions = {}): FetchLike {
  const {
    isAllowed = isPublicAddress,
    lookup = lookupAll,
    ca,
  } = readOptions('publicFetch', options, {
    isAllowed: maybe(callback),
    lookup: maybe(callback),
    ca: maybe(nonEmptyString),
  })
  // WEB-13
  const find = async (host: string) => {
    const addresses = await lookup(host)
    const [first] = addresses
    if (first === undefined || !addresses.every(({ address }) => isAllowed(address))) {
      throw new ResolutionError(`the host ${quote(host)} leads to an address that is not public`)
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
      // An address is connected to without a look-up.
      if (isIP(literal) !== 0 && !isAllowed(literal)) {
        throw new ResolutionError(`${quote(literal)} is not a public address`)
      }
      // No agent: a connection kept from before was made for a look-up of before.
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
    throw new ResolutionError(`${quote(url, 128)} leads elsewhere`)
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
