/**
 * `did:web` (W3C CCG did:web): a DID whose keys are listed in a document on its own web server.
 *
 * The author of a DID chooses the server that receives the request, and most authors are strangers. Therefore this
 * resolver is optional. List the allowed hosts where possible:
 *
 * ```ts
 * const resolver = compositeResolver({ key: keyResolver(), web: webResolver({ allowHosts: ['id.example.com'] }) })
 * ```
 *
 * A host name can resolve to an address inside your network. `lookup` is called before a request, so the name can
 * resolve to another address when the connection is made. Only a `fetch` that checks the address of its own connection
 * prevents that: on Node, `publicFetch` of `procura/did/web-node`.
 *
 * @module
 */

import { ResolutionError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { createBoundedMap } from '../../support/bounded-map.ts'
import {
  arrayOf,
  callback,
  flag,
  integerFrom,
  longestMs,
  maybe,
  numberFrom,
  type OptionCheck,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { type Clock, systemClock, type Timestamp } from '../../time.ts'
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

export { type FetchLike, isPublicAddress, type VerificationRelationship }

/** Options of {@link webResolver}. */
export interface WebResolverOptions {
  /** The only hosts that receive requests, without ports, in lower case. Default: any public host. */
  readonly allowHosts?: readonly string[]
  /** Allows hosts with local names and private addresses, for tests and closed networks. Default false. */
  readonly allowPrivateAddresses?: boolean
  /**
   * Returns the IP addresses of a host. All of them must be public. Rejects when the host has no address. Default: the
   * addresses are not checked before the request.
   */
  readonly lookup?: (host: string, options: { readonly signal?: AbortSignal | undefined }) => Promise<readonly string[]>
  /** Makes the requests. Default: the `fetch` of the platform. */
  readonly fetch?: FetchLike
  /** Most milliseconds for one request, up to the last byte of the response. Default 3,000. */
  readonly timeoutMs?: number
  /**
   * Seconds for which a document is cached; at most 300. Default 300. A removed key is accepted no longer than this.
   */
  readonly cacheSeconds?: number
  /** Seconds for which a failure, or the absence of a document, is cached; at most 300. Default 30. */
  readonly negativeCacheSeconds?: number
  /** Seconds for which an older document is still accepted while its server fails. Default 0. */
  readonly maxStaleSeconds?: number
  /** Most DIDs whose documents are in the cache, and most whose failures are. Default 1,000. */
  readonly maxEntries?: number
  /**
   * Most concurrent requests; at most a quarter of them to one host. Further ones are refused, not queued. A quarter of
   * both is for DIDs that resolved before. Default 64.
   */
  readonly maxConcurrent?: number
  /** A key is accepted when the document lists it under every one of these; see `fromDidResolver`. */
  readonly relationships?: readonly VerificationRelationship[]
  /** Default: the clock of the host. */
  readonly clock?: Clock
}

/** Most seconds for which a document is accepted without being fetched again. */
const maxCacheSeconds = 300

/**
 * Makes a resolver of `did:web`. It resolves with undefined for other methods, and when the server has no such
 * document. It rejects with a MalformedError when the DID has no valid URL, and with a ResolutionError when the host is
 * not allowed, the request fails or times out, or the response is not the document of the DID.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function webResolver(options: WebResolverOptions = {}): DidResolver {
  const settings = readSettings(options)
  /** The last answers of the DIDs that resolved at some time. */
  const answers = createBoundedMap<Answer>(settings.maxEntries)
  /** Those of the others, so that invented DIDs do not push documents out. */
  const failures = createBoundedMap<Answer>(settings.maxEntries)
  const pending = new Map<string, { readonly host: string; readonly answer: Promise<Answer> }>()

  const ask = (did: Did, location: DidWebLocation, last: Answer | undefined): Promise<Answer> => {
    // WEB-10: strangers can invent any number of DIDs, and names of servers that never respond.
    const isKnown = answers.get(did) !== undefined
    const most = (places: number): number => (isKnown ? places : places - Math.floor(places / 4))
    const ofHost = [...pending.values()].filter(({ host }) => host === location.host).length
    if (pending.size >= most(settings.maxConcurrent) || ofHost >= most(Math.ceil(settings.maxConcurrent / 4))) {
      return Promise.reject(
        new ResolutionError(
          `the document of ${quote(did)} is not fetched: too many concurrent requests; try again later`,
        ),
      )
    }
    const answer = request(did, location, settings, last)
      .then((fresh) => {
        const isDocument = fresh.resolved !== undefined || answers.get(did) !== undefined
        ;(isDocument ? answers : failures).set(did, fresh)
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
      const last = answers.get(did) ?? failures.get(did)
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

/** The result of a request, and the time in which it is accepted. */
interface Answer {
  readonly resolved?: ResolvedDid
  readonly error?: ResolutionError
  /** The time at which the document was fetched. */
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
    // WEB-11: without its server, a document is accepted only as long as the options allow.
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

/** WEB-09: an answer from the future is stale as well. The clock was set back, so its age is unknown. */
function isFresh(answer: Answer, { clock }: Settings): boolean {
  const now = clock.now()
  return now >= answer.from && now <= answer.until
}

function assertAllowed(host: string, { allowHosts, allowPrivateAddresses }: Settings): void {
  // WEB-08
  if (allowHosts !== undefined && !allowHosts.includes(host)) {
    throw new ResolutionError(`the host ${quote(host)} is not in \`allowHosts\``)
  }
  if (!allowPrivateAddresses && !isPublicName(host)) {
    throw new ResolutionError(`the host ${quote(host)} is a local name`)
  }
}

async function assertAddresses(
  host: string,
  { lookup, allowPrivateAddresses }: Settings,
  signal: AbortSignal,
): Promise<void> {
  if (lookup === undefined || allowPrivateAddresses) return
  const addresses = await lookup(host, { signal })
  // WEB-12
  if (addresses.length === 0 || !addresses.every(isPublicAddress)) {
    throw new ResolutionError(`the host ${quote(host)} has an address that is not public`)
  }
}

/** A number of seconds, at most {@link maxCacheSeconds}. */
const cacheTime: OptionCheck = (value) =>
  numberFrom(0)(value) === undefined && Number(value) <= maxCacheSeconds
    ? undefined
    : `must be a number >= 0 and <= ${maxCacheSeconds}`

/** A host as a DID of `did:web` has it. Any other spelling would never be allowed. */
const hostCheck: OptionCheck = (value) =>
  typeof value === 'string' && /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/.test(value)
    ? undefined
    : 'must be a host in lower case, without scheme, port or path'

function readSettings(options: WebResolverOptions): Settings {
  const { allowHosts, relationships, ...others } = readOptions('webResolver', options, {
    allowHosts: maybe(arrayOf(hostCheck)),
    allowPrivateAddresses: withDefault(flag, false),
    lookup: maybe(callback),
    fetch: withDefault(callback, (url: string, init: FetchInit) => fetch(url, init)),
    timeoutMs: withDefault(integerFrom(1, longestMs), 3_000),
    cacheSeconds: withDefault(cacheTime, maxCacheSeconds),
    negativeCacheSeconds: withDefault(cacheTime, 30),
    maxStaleSeconds: withDefault(numberFrom(0), 0),
    maxEntries: withDefault(integerFrom(1), 1_000),
    maxConcurrent: withDefault(integerFrom(1), 64),
    relationships: withDefault(relationshipsCheck, defaultRelationships),
    clock: withDefault(withMethod('now'), systemClock),
  })
  // The caller can change its lists later.
  return {
    ...others,
    relationships: [...relationships],
    ...(allowHosts !== undefined && { allowHosts: [...allowHosts] }),
  }
}
