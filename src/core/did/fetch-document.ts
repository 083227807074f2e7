/**
 * Fetches a DID document from an untrusted server.
 *
 * @module
 */

import { ResolutionError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { quote } from '../../support/quote.ts'
import { readBounded } from '../../support/read-bounded.ts'
import { encodeBase64url } from '../ipld/base.ts'

/** The part of the platform's `fetch` that is used. */
export type FetchLike = (url: string, init: FetchInit) => Promise<Response>

/** The request options that {@link FetchLike} receives. */
export interface FetchInit {
  /** A redirect must fail, because its target was not checked. */
  readonly redirect: 'error'
  /** No cookies and no credentials of the caller are sent. */
  readonly credentials: 'omit'
  readonly headers: Readonly<Record<string, string>>
  /** Aborted at the time limit. */
  readonly signal: AbortSignal
}

/** A document, and the hash of its bytes. */
export interface FetchedDocument {
  /** Parsed JSON, not trusted. */
  readonly document: unknown
  /** `sha256-` and the hash of the received bytes in base64url. */
  readonly documentHash: string
}

/** WEB-05: most bytes of a document, after decompression. */
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
  /** Most milliseconds for the whole exchange, up to the last byte. */
  readonly timeoutMs: number
  /** Awaited before the request, within the same time limit. Rejects when the request must not be made. */
  readonly before: (signal: AbortSignal) => Promise<void>
}

/**
 * Fetches a document of at most 64 KiB. Resolves with undefined when the server reports that it does not exist (404,
 * 410).
 *
 * @throws ResolutionError for every other failure; `cause` is the error of the platform.
 */
export async function fetchDocument(url: string, options: FetchDocumentOptions): Promise<FetchedDocument | undefined> {
  const { timeoutMs } = options
  const timeout = new AbortController()
  // WEB-06: one limit for the whole exchange. A server that sends a byte each second would never exceed a limit per
  // byte.
  const timer = setTimeout(() => timeout.abort(failed(url, `timed out after ${timeoutMs} ms`)), timeoutMs)
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
  // On Node 20, a fetch whose request was garbage collected no longer follows its signal: close the connection here.
  const reader = response.body?.getReader()
  const close = (): void => void reader?.cancel().catch(() => undefined)
  if (signal.aborted) close()
  else signal.addEventListener('abort', close)
  if (response.status === 404 || response.status === 410) return undefined
  // A fetch that followed a redirect anyway has another URL. The platform prints it without the default port.
  if (response.status !== 200 || response.redirected || (response.url !== '' && response.url !== new URL(url).href)) {
    throw failed(url, `the response has status ${response.status}`)
  }
  const [mediaType = ''] = (response.headers.get('content-type') ?? '').split(';')
  if (!mediaTypes.includes(mediaType.trim().toLowerCase()))
    throw failed(url, `the response has the content type ${quote(mediaType)}`) // WEB-07
  const bytes = await readBounded(reader, maxDocumentBytes)
  if (bytes === undefined) throw failed(url, `the response has more than ${maxDocumentBytes} bytes`)
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return { document: parseJson(bytes, url), documentHash: `sha256-${encodeBase64url(hash)}` }
}

function parseJson(bytes: Uint8Array, url: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw failed(url, 'the response is not valid JSON', cause)
  }
}

function failed(url: string, reason: string, cause?: unknown): ResolutionError {
  return new ResolutionError(`no document from ${quote(url, 128)}: ${reason}`, cause === undefined ? {} : { cause })
}
