/**
 * A feed of revocations over HTTP: the side of the publisher.
 *
 * @module
 */

import { backend as platform } from '#backend'
import type { Did } from '../../core/did/did.ts'
import { encodeCbor } from '../../core/ipld/encode.ts'
import type { Signer } from '../../core/principal/signer.ts'
import { entryToData } from '../../core/revocation/entry-form.ts'
import type { JournalEntry, RevocationJournal } from '../../core/revocation/revocation-journal.ts'
import { StoreError } from '../../errors.ts'
import {
  callback,
  integerFrom,
  maybe,
  milliseconds,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { type Clock, secondsOf, systemClock } from '../../time.ts'
import { type HeadWatch, headWatch, type Place } from './head-watch.ts'
import { maxEntryBytes, maxPageEntries, type Page, signPage } from './page.ts'
import { parsePlace, showPlace } from './place.ts'

/** Options of {@link revocationFeed}. */
export interface RevocationFeedOptions {
  /** The revocations to publish: the memory store and the SQLite store list theirs. */
  readonly journal: RevocationJournal
  /** The publisher, who signs each part. Followers trust revocations without a token as they trust this key. */
  readonly signer: Signer
  /**
   * Decides who may read the feed: revocations name principals. Returns true, or a promise of true, to admit a request.
   */
  readonly authorize: (request: Request) => boolean | Promise<boolean>
  /** Milliseconds between two parts while nothing happens. Followers measure their age by them. Default 5,000. */
  readonly heartbeatMs?: number
  /** Milliseconds between two looks at the journal, for entries of other processes. Default 250. */
  readonly pollMs?: number
  /** Most event streams at a time; a further one is refused with status 503. Default 1,000. */
  readonly maxStreams?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Receives the errors of the journal, the signer and `authorize`. Its own errors are ignored. */
  readonly onError?: (error: unknown) => void
}

/** A feed of revocations. */
export interface RevocationFeed {
  /**
   * Answers a request, whatever its path: `GET` with `accept: text/event-stream` follows the journal after
   * `Last-Event-ID`, and any other `GET` returns the part of the journal after the place in the parameter `after`.
   */
  fetch(request: Request): Promise<Response>
  /** Looks for new entries at once. Call it after an addition in this process. */
  notify(): void
  /** Ends all streams. */
  close(): void
}

const optionChecks = Object.freeze({
  journal: withMethod('listRevocations'),
  signer: withMethod('sign'),
  authorize: callback,
  heartbeatMs: withDefault(milliseconds, 5_000),
  pollMs: withDefault(milliseconds, 250),
  maxStreams: withDefault(integerFrom(1), 1_000),
  clock: withDefault(withMethod('now'), systemClock),
  onError: maybe(callback),
}) satisfies OptionChecks<RevocationFeedOptions>

/** A part of the journal as text, and where it ends. */
interface SignedPage {
  readonly text: string
  readonly place: Place
  readonly complete: boolean
}

interface Feed {
  readonly heartbeatMs: number
  readonly watch: HeadWatch
  readonly report: (error: unknown) => void
  /**
   * Reads and signs the part after a place. Without a place, or with one of another journal, it begins at the start.
   */
  readonly pageAfter: (place: Place | undefined) => Promise<SignedPage>
}

/**
 * Publishes a journal of revocations for `revocationFeedSource`.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @example
 * ```ts
 * import { revocationFeed } from 'procura/revocation/feed'
 * import { memoryRevocationStore } from 'procura/store/memory'
 *
 * const revocations = memoryRevocationStore()
 * const feed = revocationFeed({
 *   journal: revocations,
 *   signer: service,
 *   authorize: (request) => request.headers.get('authorization') === `Bearer ${readerToken}`,
 * })
 * // For a server with the Fetch API: `export default { fetch: feed.fetch }`
 * ```
 */
export function revocationFeed(options: RevocationFeedOptions): RevocationFeed {
  const given = readOptions('revocationFeed', options, optionChecks)
  const { journal, authorize, pollMs, heartbeatMs, maxStreams, onError } = given
  const report = (error: unknown): void => void quietly(() => onError?.(error))
  const watch = headWatch(journal, pollMs, report)
  const feed: Feed = { heartbeatMs, watch, report, pageAfter: pageMaker(given) }
  const streams = new Set<AbortController>()
  let closed = false

  async function answer(request: Request): Promise<Response> {
    if (request.method !== 'GET') return plain(405, 'the feed is read with GET', { allow: 'GET' })
    // RVK-24
    if ((await authorize(request)) !== true) return plain(403, 'this request may not read the feed')
    if (request.headers.get('accept')?.includes('text/event-stream') !== true) {
      const { text, place } = await feed.pageAfter(parsePlace(new URL(request.url).searchParams.get('after')))
      return plain(200, text, { 'x-next': showPlace(place) })
    }
    if (closed || streams.size >= maxStreams) return plain(503, 'the feed has no free stream', { 'retry-after': '5' })
    const stopping = new AbortController()
    streams.add(stopping)
    const stop = (): void => stopping.abort()
    stopping.signal.addEventListener('abort', () => {
      streams.delete(stopping)
      request.signal.removeEventListener('abort', stop)
    })
    request.signal.addEventListener('abort', stop)
    if (request.signal.aborted) stop()
    const body = eventStream(feed, parsePlace(request.headers.get('last-event-id')), stopping)
    return new Response(body, { headers: { ...commonHeaders, 'content-type': 'text/event-stream' } })
  }

  return Object.freeze({
    async fetch(request: Request) {
      try {
        return await answer(request)
      } catch (error) {
        report(error)
        return plain(503, 'the feed is not available')
      }
    },
    notify: () => watch.look(),
    close() {
      closed = true
      for (const stopping of streams) stopping.abort()
    },
  })
}

const commonHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-accel-buffering': 'no' }

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { ...commonHeaders, 'content-type': 'text/plain', ...headers } })
}

/** A stream with one part in memory: a slow reader gets the next part when it has taken the last one. */
function eventStream(feed: Feed, from: Place | undefined, stopping: AbortController): ReadableStream<Uint8Array> {
  const { signal } = stopping
  const encoder = new TextEncoder()
  let last: SignedPage | undefined
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          if (last?.complete) await feed.watch.change(last.place, feed.heartbeatMs, signal)
          if (!signal.aborted) {
            last = await feed.pageAfter(last?.place ?? from)
            controller.enqueue(encoder.encode(`id: ${showPlace(last.place)}\ndata: ${last.text}\n\n`))
          }
          if (signal.aborted) controller.close()
        } catch (error) {
          feed.report(error)
          stopping.abort()
          controller.error(new StoreError('the feed failed'))
        }
      },
      cancel: () => stopping.abort(),
    },
    { highWaterMark: 0 },
  )
}

function pageMaker({
  journal,
  signer,
  clock,
}: Required<Pick<RevocationFeedOptions, 'journal' | 'signer' | 'clock'>>): Feed['pageAfter'] {
  const publisher: Did = signer.did
  return async (place) => {
    // Read before the journal: each entry that was added before this time is in the list.
    const time = secondsOf(clock)
    let after = place?.sequence ?? 0
    let list = await journal.listRevocations({ after, limit: maxPageEntries })
    // A place of another journal, or beyond the end, has no meaning here.
    if (after > 0 && (place?.journal !== list.journal || after > list.head)) {
      after = 0
      list = await journal.listRevocations({ after, limit: maxPageEntries })
    }
    const taken = fitting(list.entries)
    const complete = taken.length === list.entries.length && taken.length < maxPageEntries
    const through = complete ? list.head : (taken.at(-1)?.sequence ?? after)
    const entries = taken.map(({ entry }) => entry)
    const page: Page = { publisher, journal: list.journal, after, through, time, complete, entries }
    const text = await signPage(page, signer, platform)
    return { text, place: { journal: list.journal, sequence: through }, complete }
  }
}

/** The first entries that fit in a page: one at least. */
function fitting(entries: readonly JournalEntry[]): readonly JournalEntry[] {
  let bytes = 0
  const end = entries.findIndex(({ entry }) => {
    if (bytes > maxEntryBytes) return true
    bytes += encodeCbor(entryToData(entry)).length
    return false
  })
  return end < 0 ? entries : entries.slice(0, end)
}
