/**
 * `did:web` (W3C CCG did:web): a DID whose keys stand in a document on its own web server.
 *
 * Who writes the DID chooses the server that is asked, and most DIDs are written by strangers. So this resolver is a
 * choice, made host by host where possible, and asks as little as it can:
 *
 * ```ts
 * const resolver = compositeResolver({ key: keyResolver(), web: webResolver({ allowHosts: ['id.example.com'] }) })
 * ```
 *
 * A name can lead to an address inside your network. `lookup` is asked before a request is made; only a `fetch` that
 * checks the address it connects to, for example by {@link isPublicAddress} in the `lookup` of its agent, leaves no
 * time between the two.
 *
 * @module
 */

import { ResolutionError } from '../errors.ts'
import { unlessAborted } from '../support/abort.ts'
import { createBoundedMap } from '../support/bounded-map.ts'
import {
  arrayOf,
  callback,
  flag,
  integerFrom,
  longestMs,
  maybe,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  readOptions,
  withMethod,
} from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { type Clock, systemClock, type Timestamp } from '../time.ts'
import { type Did, didMethod } from './did.ts'
import {
  defaultRelationships,
  documentKeys,
  relationshipsCheck,
  type VerificationRelationship,
} from './did-document.ts'
import { type DidWebLocation, didWebLocation } from './did-web-url.ts'
import { type FetchedDocument, type FetchInit, type FetchLike, fetchDocument } from './fetch-document.ts'
import { isPublicAddress, isPublicName } from './public-address.ts'
import type { DidResolver, ResolvedDid } from './resolver.ts'

export { type FetchInit, type FetchLike, isPublicAddress, type VerificationRelationship }

/** Options of {@link webResolver}. */
export interface WebResolverOptions {
  /** The only hosts that are asked, without ports, in lower case; default any public one. */
  readonly allowHosts?: readonly string[]
  /** Asks hosts with local names and private addresses too; default false. For tests and closed networks. */
  readonly allowPrivateAddresses?: boolean
  /**
   * Returns the IP addresses of a host. When given, all of them must be public. Rejects when there is none.
   */
  readonly lookup?: (host: string, options: { readonly signal?: AbortSignal | undefined }) => Promise<readonly string[]>
  /** Makes the requests; default the platform's. */
  readonly fetch?: FetchLike
  /** For one request, from the first byte to the last; default 3,000 milliseconds. */
  readonly timeoutMs?: number
  /** How long a document counts, in seconds; default and most 300. A key that was taken out counts no longer. */
  readonly cacheSeconds?: number
  /** How long a failure or an absence counts, in seconds; default 30, most 300. */
  readonly negativeCacheSeconds?: number
  /** How long after that a document still counts while its server cannot be reached, in seconds; default 0. */
  readonly maxStaleSeconds?: number
  /** The most DIDs that are remembered; default 1,000. */
  readonly maxEntries?: number
  /** The most requests at a time; default 64. Further ones are refused, not queued. One host has a quarter of them. */
  readonly maxConcurrent?: number
  /** A key counts when the document lists it under every one of these; see `fromDidResolver`. */
  readonly relationships?: readonly VerificationRelationship[]
  /** Default the clock of the host. */
  readonly clock?: Clock
}

/** The longest that a document may count without being read again. */
const maxCacheSeconds = 300

/**
 * Makes the resolver of `did:web`. It resolves undefined for other methods and when the server has no such document;
 * rejects with a MalformedError for a DID that leads to no plain address, and with a ResolutionError when the host is
 * not allowed, the server fails or is too slow, or what it sends is not the document of the DID.
 *
 * @throws ArgumentError when an option is not of its type or a number is out of its range.
 */
export function webResolver(options: WebResolverOptions = {}): DidResolver {
  const settings = settingsOf(options)
  const answers = createBoundedMap<Answer>(settings.maxEntries)
  const pending = new Map<string, { readonly host: string; readonly answer: Promise<Answer> }>()

  const ask = (did: Did, location: DidWebLocation, last: Answer | undefined): Promise<Answer> => {
    // WEB-10
    const ofHost = [...pending.values()].filter(({ host }) => host === location.host).length
    if (pending.size >= settings.maxConcurrent || ofHost >= Math.ceil(settings.maxConcurrent / 4)) {
      return Promise.reject(new ResolutionError(`too many requests for documents at a time, ${quote(did)} must wait`))
    }
    const answer = request(did, location, settings, last)
      .then((fresh) => {
        answers.set(did, fresh)
        return fresh
      })
      .finally(() => pending.delete(did))
    pending.set(did, { host: location.host, answer })
    return answer
  }

  return Object.freeze({
    resolve: async (did: Did, { signal }: { readonly signal?: AbortSignal | undefined } = {}) => {
      if (didMethod(did) !== 'web') return undefined
      const location = didWebLocation(did)
      assertAllowed(location.host, settings)
      const last = answers.get(did)
      const answer =
        last !== undefined && isFresh(last, settings)
          ? last
          : await unlessAborted(() => pending.get(did)?.answer ?? ask(did, location, last), signal)
      if (answer.error !== undefined) throw answer.error
      return answer.resolved
    },
  })
}

type Settings = Required<Omit<WebResolverOptions, 'allowHosts' | 'lookup'>> &
  Pick<WebResolverOptions, 'allowHosts' | 'lookup'>

/** What was found out, and from when until when it counts. */
interface Answer {
  readonly resolved?: ResolvedDid
  readonly error?: ResolutionError
  /** When a document was last read. */
  readonly readAt: Timestamp
  readonly from: Timestamp
  readonly until: Timestamp
}

async function request(did: Did, { host, url }: DidWebLocation, settings: Settings, last?: Answer): Promise<Answer> {
  const { clock, fetch, timeoutMs, cacheSeconds, negativeCacheSeconds, maxStaleSeconds, relationships } = settings
  const answer = (seconds: number, found: { resolved?: ResolvedDid; error?: ResolutionError }): Answer => {
    const now = clock.now()
    return { ...found, readAt: now, from: now, until: now + seconds }
  }
  let fetched: FetchedDocument | undefined
  try {
    fetched = await fetchDocument(url, {
      fetch,
      timeoutMs,
      before: (signal) => assertAddresses(host, settings, signal),
    })
  } catch (error) {
    if (!(error instanceof ResolutionError)) throw error
    const failure = answer(negativeCacheSeconds, { error })
    if (last?.resolved === undefined) return failure
    // WEB-11: a document outlives its server only for as long as was allowed
    const until = Math.min(failure.until, last.readAt + cacheSeconds + maxStaleSeconds)
    return until < failure.from || last.readAt > failure.from ? failure : { ...last, from: failure.from, until }
  }
  if (fetched === undefined) return answer(negativeCacheSeconds, {})
  try {
    const keys = documentKeys(did, fetched.document, relationships)
    return answer(cacheSeconds, { resolved: Object.freeze({ keys, documentHash: fetched.documentHash }) })
  } catch (error) {
    if (!(error instanceof ResolutionError)) throw error
    return answer(negativeCacheSeconds, { error })
  }
}

/** WEB-09: also no longer when the clock was set back, as nobody knows then how old it is. */
function isFresh(answer: Answer, { clock }: Settings): boolean {
  const now = clock.now()
  return now >= answer.from && now <= answer.until
}

function assertAllowed(host: string, { allowHosts, allowPrivateAddresses }: Settings): void {
  // WEB-08
  if (allowHosts !== undefined && !allowHosts.includes(host)) {
    throw new ResolutionError(`the host ${quote(host)} is not one that may be asked`)
  }
  if (!allowPrivateAddresses && !isPublicName(host)) {
    throw new ResolutionError(`the host ${quote(host)} has a local name`)
  }
}

async function assertAddresses(host: string, settings: Settings, signal: AbortSignal): Promise<void> {
  if (settings.lookup === undefined || settings.allowPrivateAddresses) return
  const addresses = await settings.lookup(host, { signal })
  // WEB-12
  if (addresses.length === 0 || !addresses.every(isPublicAddress)) {
    throw new ResolutionError(`the host ${quote(host)} leads to an address that is not public`)
  }
}

/** A number of seconds, at most `most`. */
function seconds(most: number): OptionCheck {
  return (value) =>
    typeof value === 'number' && value >= 0 && value <= most ? undefined : `must be a number from 0 to ${most}`
}

const optionChecks: OptionChecks<WebResolverOptions> = Object.freeze({
  allowHosts: maybe(arrayOf(nonEmptyString)),
  allowPrivateAddresses: maybe(flag),
  lookup: maybe(callback),
  fetch: maybe(callback),
  timeoutMs: maybe(integerFrom(1, longestMs)),
  cacheSeconds: maybe(seconds(maxCacheSeconds)),
  negativeCacheSeconds: maybe(seconds(maxCacheSeconds)),
  maxStaleSeconds: maybe(seconds(Number.MAX_SAFE_INTEGER)),
  maxEntries: maybe(integerFrom(1)),
  maxConcurrent: maybe(integerFrom(1)),
  relationships: relationshipsCheck,
  clock: maybe(withMethod('now')),
})

function settingsOf(options: WebResolverOptions): Settings {
  const {
    allowHosts,
    lookup,
    relationships = defaultRelationships,
    ...given
  } = readOptions('webResolver', options, optionChecks)
  return {
    allowPrivateAddresses: false,
    fetch: (url, init) => fetch(url, init),
    timeoutMs: 3_000,
    cacheSeconds: maxCacheSeconds,
    negativeCacheSeconds: 30,
    maxStaleSeconds: 0,
    maxEntries: 1_000,
    maxConcurrent: 64,
    clock: systemClock,
    ...given,
    ...(allowHosts !== undefined && { allowHosts: [...allowHosts] }),
    ...(lookup !== undefined && { lookup }),
    relationships: [...relationships],
  }
}
