/**
 * Reading a DID document from a server that is not trusted.
 *
 * @module
 */

import { ResolutionError } from '../errors.ts'
import { encodeBase64url } from '../ipld/base.ts'
import { unlessAborted } from '../support/abort.ts'
import { quote } from '../support/quote.ts'

/** The part of the platform's `fetch` that is used. */
export type FetchLike = (url: string, init: FetchInit) => Promise<Response>

/** What is asked of {@link FetchLike}. */
export interface FetchInit {
  /** A redirect must be an error: its target was not checked. */
  readonly redirect: 'error'
  /** Sent along by no cookie and no key of the caller's. */
  readonly credentials: 'omit'
  readonly headers: Readonly<Record<string, string>>
  /** Aborted when the time is over. */
  readonly signal: AbortSignal
}

/** A document and the fingerprint of its bytes. */
export interface FetchedDocument {
  /** Parsed JSON, not trusted. */
  readonly document: unknown
  /** `sha256-` and the hash of the bytes received, in base64url. */
  readonly documentHash: string
}

/** The largest document that is read, in bytes after decompression. */
const maxDocumentBytes = 65_536

/** Media types of DID documents in JSON. */
const mediaTypes: readonly string[] = Object.freeze([
  'application/did',
  'application/did+json',
  'application/did+ld+json',
  'application/json',
  'application/ld+json',
])

/** Options of {@link fetchDocument}. */
export interface FetchDocumentOptions {
  readonly fetch: FetchLike
  /** For the whole exchange, the last byte included. */
  readonly timeoutMs: number
  /** Awaited before the request, within the same time; rejects when there must be no request. */
  readonly before: (signal: AbortSignal) => Promise<void>
}

/**
 * Fetches a document of at most 64 KiB. Resolves undefined when the server says that there is none (404, 410).
 *
 * @throws ResolutionError when anything else happens; `cause` holds the error of the platform.
 */
export async function fetchDocument(url: string, options: FetchDocumentOptions): Promise<FetchedDocument | undefined> {
  const { timeoutMs } = options
  const timeout = new AbortController()
  // WEB-06: one limit for all of it, since a server that sends a byte a second is never late for a single one
  const timer = setTimeout(() => timeout.abort(failed(url, `not done in ${timeoutMs} ms`)), timeoutMs)
  try {
    return await unlessAborted(() => exchange(url, options, timeout.signal), timeout.signal)
  } catch (cause) {
    throw cause instanceof ResolutionError ? cause : failed(url, 'the request failed', cause)
  } finally {
    clearTimeout(timer)
    timeout.abort()
  }
}

async function exchange(
  url: string,
  { fetch, before }: FetchDocumentOptions,
  signal: AbortSignal,
): Promise<FetchedDocument | undefined> {
  await before(signal)
  const response = await fetch(url, {
    redirect: 'error', // WEB-04
    credentials: 'omit',
    headers: { accept: 'application/did+json, application/json', 'accept-encoding': 'identity' },
    signal,
  })
  if (response.status === 404 || response.status === 410) return undefined
  // A fetch that followed a redirect all the same says so by the address, which a platform prints without the usual port.
  if (response.status !== 200 || response.redirected || (response.url !== '' && response.url !== new URL(url).href)) {
    throw failed(url, `status ${response.status}`)
  }
  const [mediaType = ''] = (response.headers.get('content-type') ?? '').split(';')
  if (!mediaTypes.includes(mediaType.trim().toLowerCase())) throw failed(url, `content type ${quote(mediaType)}`) // WEB-07
  const bytes = await readBody(response, url)
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return { document: parseJson(bytes, url), documentHash: `sha256-${encodeBase64url(hash)}` }
}

/** WEB-05: counts while reading, as a length that was announced can be a lie or be of the compressed bytes. */
async function readBody(response: Response, url: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(maxDocumentBytes)
  let length = 0
  const reader = response.body?.getReader()
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    if (length + part.value.length > maxDocumentBytes) {
      await reader?.cancel()
      throw failed(url, `more than ${maxDocumentBytes} bytes`)
    }
    bytes.set(part.value, length)
    length += part.value.length
  }
  return bytes.slice(0, length)
}

function parseJson(bytes: Uint8Array, url: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw failed(url, 'no JSON', cause)
  }
}

function failed(url: string, reason: string, cause?: unknown): ResolutionError {
  return new ResolutionError(`${quote(url, 128)} gave no document: ${reason}`, cause === undefined ? {} : { cause })
}
