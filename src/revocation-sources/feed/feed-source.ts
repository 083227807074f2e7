/**
 * A feed of revocations over HTTP: the side of the follower.
 *
 * @module
 */

import { backend as platform } from '#backend'
import { verifyAcceptedRevocation } from '../../core/authorization/verify-revocation.ts'
import { didOption } from '../../core/did/did-option.ts'
import { type DidResolver, keyResolver } from '../../core/did/resolver.ts'
import { revocationId } from '../../core/revocation/revocation-id.ts'
import type { RevocationEntry } from '../../core/revocation/revocation-store.ts'
import { StoreError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { type Deadline, startDeadline } from '../../support/deadline.ts'
import { readEvents, type StreamEvent } from '../../support/event-stream.ts'
import {
  callback,
  didString,
  flag,
  maybe,
  milliseconds,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { confidentialUrl } from '../confidential-url.ts'
import type { RevocationNews, RevocationSource } from '../revocation-source.ts'
import { firstResponse } from './first-response.ts'
import { maxPageText, type Page, type PageReader, pageReader } from './page.ts'
import { parsePlace, showPlace } from './place.ts'

/** Options of {@link revocationFeedSource}. */
export interface RevocationFeedSourceOptions {
  /** The address of the feed: `https:`, or `http:` on this machine. */
  readonly url: string
  /** The DID of the publisher, whose signature each part of the feed must have. */
  readonly publisher: string
  /** Resolves the publisher, and the revokers of tokens. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /**
   * Returns further headers of a request, for example `authorization`. Called for each request. Default: no headers.
   */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /**
   * Accepts only revocations whose token proves the right of the revoker. A part with another revocation is refused;
   * one that nobody can prove now is left out, and `onError` of the follower receives the reason. Default false: the
   * publisher may revoke anything.
   */
  readonly requireTokens?: boolean
  /** Milliseconds without a part of the feed after which the connection is closed. Default 12,000. */
  readonly idleMs?: number
  /** Default: the `fetch` of the platform. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
}

const optionChecks = Object.freeze({
  url: confidentialUrl,
  publisher: didString,
  resolver: withDefault(withMethod('resolve'), keyResolver()),
  headers: maybe(callback),
  requireTokens: withDefault(flag, false),
  idleMs: withDefault(milliseconds, 12_000),
  fetch: maybe(callback),
}) satisfies OptionChecks<RevocationFeedSourceOptions>

/** The options of a reading of the feed. */
interface Reading {
  readonly resolver: DidResolver
  readonly requireTokens: boolean
}

/**
 * Reads the feed of another service, for `followRevocations`. Each part is verified: it is signed by the publisher and
 * continues where the last one ended. The tokens of revocations are verified again.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @example
 * ```ts
 * import { followRevocations, revocationFeedSource } from 'procura/revocation/feed'
 *
 * const revocations = followRevocations({
 *   source: revocationFeedSource({
 *     url: 'https://authority.example/revocations',
 *     publisher: authority.did,
 *     headers: () => ({ authorization: `Bearer ${readerToken}` }),
 *   }),
 * })
 * ```
 */
export function revocationFeedSource(options: RevocationFeedSourceOptions): RevocationSource {
  const given = readOptions('revocationFeedSource', options, optionChecks)
  const { resolver, requireTokens, idleMs } = given
  const read = pageReader(didOption('publisher', given.publisher), resolver, platform)
  return Object.freeze({
    async *read({ after, signal }: { readonly after?: string | undefined; readonly signal: AbortSignal }) {
      let idle = startIdle(signal, idleMs)
      const closing = new AbortController()
      let stop: (() => unknown) | undefined
      try {
        const body = await connect(given, after, idle.signal, closing.signal)
        const events = readEvents(body, { most: maxPageText, everyLine: true, tooLong, signal: closing.signal })
        stop = () => events.return().catch(() => undefined)
        let cursor = after
        let latest = 0
        for (;;) {
          const { signal: limit } = idle
          const page = await unlessAborted(() => nextPage(events, read, limit), limit)
          if (page === undefined) return
          // RVK-27: only a part of the publisher extends the time, not bytes that arrive.
          idle.end()
          idle = startIdle(signal, idleMs)
          const news = await believe(page, cursor, latest, { resolver, requireTokens })
          cursor = news.cursor
          latest = Math.max(latest, page.time)
          yield news
          if (news.refused !== undefined) throw news.refused
        }
      } finally {
        closing.abort()
        stop?.()
        idle.end()
      }
    },
  })
}

function startIdle(signal: AbortSignal, idleMs: number): Deadline {
  return startDeadline([signal], idleMs, () => new StoreError(`the feed sent nothing for ${idleMs} ms`))
}

/** RVK-28 */
function tooLong(): StoreError {
  return new StoreError(`the feed sent more than ${maxPageText} characters without an end`)
}

async function nextPage(
  events: AsyncGenerator<StreamEvent, void>,
  read: PageReader,
  signal: AbortSignal,
): Promise<Page | undefined> {
  for (;;) {
    const { done, value } = await events.next()
    if (done) return undefined
    if (value.data !== undefined) return read(value.data, signal)
  }
}

/** Opens the stream. The body is cancelled when `closing` is aborted: a fetch may not follow its signal any more. */
async function connect(
  { url, headers, fetch }: RevocationFeedSourceOptions,
  after: string | undefined,
  limit: AbortSignal,
  closing: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const send = fetch ?? globalThis.fetch
  const more = await unlessAborted(async () => headers?.(), limit)
  const response = await firstResponse(
    (signal) =>
      send(url, {
        headers: {
          ...more,
          accept: 'text/event-stream',
          'accept-encoding': 'identity',
          ...(after !== undefined && { 'last-event-id': after }),
        },
        redirect: 'error',
        credentials: 'omit',
        cache: 'no-store',
        signal,
      }),
    limit,
    closing,
  )
  const [type = ''] = (response.headers.get('content-type') ?? '').split(';')
  const isFeed = response.status === 200 && !response.redirected && type.trim() === 'text/event-stream'
  if (isFeed && response.body !== null) return response.body
  response.body?.cancel().catch(() => undefined)
  throw new StoreError(`the feed responded with status ${response.status}; it must be 200 and text/event-stream`)
}

interface Believed extends RevocationNews {
  /** The error of an entry that was refused. The other entries are accepted. */
  readonly refused?: unknown
}

/**
 * Decides which entries of a page are accepted. RVK-26
 *
 * @param cursor - the place that was reached.
 * @param latest - the latest time of a page in this reading.
 * @throws StoreError when a part is missing before the page, or the journal lost entries.
 */
async function believe(page: Page, cursor: string | undefined, latest: number, reading: Reading): Promise<Believed> {
  const place = parsePlace(cursor)
  const reached = place?.journal === page.journal ? place.sequence : 0
  if (page.after > reached) {
    throw new StoreError(`the feed left out entries: it continues after ${page.after}, and ${reached} was reached`)
  }
  const entries: RevocationEntry[] = []
  const leftOut: StoreError[] = []
  let refused: unknown
  for (const entry of page.entries) {
    try {
      const found = await verified(entry, reading)
      if (found instanceof StoreError) leftOut.push(found)
      else entries.push(found)
    } catch (error) {
      refused ??= error
    }
  }
  if (refused !== undefined) return { entries, cursor, refused }
  // An earlier page that is repeated does not show the present state. A later one would lack entries that were
  // published.
  const isBehind = page.through < reached
  if (isBehind && page.complete && page.time > latest) {
    return { entries, cursor, refused: new StoreError(lost) }
  }
  return {
    entries,
    cursor: showPlace({ journal: page.journal, sequence: Math.max(page.through, reached) }),
    leftOut,
    ...(page.complete && !isBehind && { completeAt: page.time }),
  }
}

const lost =
  'the journal of the publisher has lost entries: it ends before a place that was reached; prepare its stores with a new `epoch`, and add the revocations again'

/**
 * RVK-29: verifies the token of an entry. The publisher compared times when it accepted the revocation.
 *
 * A delegate can replace the keys of its DID, or switch its server off. A token that cannot be verified for such a
 * reason stops no follower: the entry is accepted from the publisher, or left out if tokens are required.
 *
 * @returns the entry, or the reason to leave it out.
 * @throws StoreError when the token does not prove the entry.
 */
async function verified(
  entry: RevocationEntry,
  { resolver, requireTokens }: Reading,
): Promise<RevocationEntry | StoreError> {
  const { token, ids, revoker } = entry
  if (token === undefined) {
    if (requireTokens) throw new StoreError('a revocation of the feed has no token; `requireTokens` is set')
    return entry
  }
  const verdict = await verifyAcceptedRevocation(token, { resolver })
  if (!verdict.accepted) {
    const { code } = verdict.denial
    const refusal = new StoreError(`the token of a revocation of the feed was refused: ${code}`)
    if (code !== 'key_unresolved' && code !== 'signature_invalid') throw refusal
    return requireTokens ? refusal : entry
  }
  const proven = new Set(verdict.entry.ids.map(revocationId))
  if (revoker !== verdict.entry.revoker || !ids.every((id) => proven.has(id))) {
    throw new StoreError('the token of a revocation of the feed is for another delegation or revoker')
  }
  return verdict.entry
}
