import { decodeBase64url } from '../../core/ipld/base.ts'
import type { RevocationEntry } from '../../core/revocation/revocation-store.ts'
import { ArgumentError, MalformedError, StoreError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { sleep } from '../../support/back-off.ts'
import { withinDeadline } from '../../support/deadline.ts'
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
import { type Clock, never, secondsOf, systemClock, type Timestamp } from '../../time.ts'
import { confidentialUrl } from '../confidential-url.ts'
import { type JoseVerifier, verifierChecks } from '../jose.ts'
import { readBody } from '../read-body.ts'
import type { RevocationSource } from '../revocation-source.ts'
import { decompress, isStatusBits, setIndexes } from './status-bits.ts'
import { statusListType } from './status-list-token.ts'

/** Options of {@link statusListSource}. */
export interface StatusListSourceOptions {
  /** The address of the Status List Token, equal to its `sub`: `https:`, or `http:` on this machine. */
  readonly uri: string
  /** The module `jose`. */
  readonly jose: JoseVerifier
  /** The public key of the issuer, as `jwtVerify` of `jose` takes it; for a key set `createRemoteJWKSet(url)`. */
  readonly key: unknown
  /** The algorithms that the issuer uses, for example `['ES256']`. Only algorithms with public keys. */
  readonly algorithms: readonly string[]
  /**
   * Returns the CIDs of delegations or the DIDs of principals that have an index in the list; an empty array for an
   * index of others. The list contains indexes alone. It is called for each index that is not valid, at each reading.
   */
  readonly idsOf: (index: number) => readonly string[] | Promise<readonly string[]>
  /** Milliseconds between two readings, at most; the `ttl` of the token can make it shorter. Default 60,000. */
  readonly refreshMs?: number
  /** Milliseconds for one request. Default 10,000. */
  readonly timeoutMs?: number
  /** Most bytes of a list, decompressed. Default 1,048,576: 8 million entries of one bit. */
  readonly maxListBytes?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Default: the `fetch` of the platform. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
}

const optionChecks = Object.freeze({
  uri: confidentialUrl,
  ...verifierChecks,
  idsOf: callback,
  refreshMs: withDefault(milliseconds, 60_000),
  timeoutMs: withDefault(milliseconds, 10_000),
  maxListBytes: withDefault(integerFrom(1), 1_048_576),
  clock: withDefault(withMethod('now'), systemClock),
  fetch: maybe(callback),
}) satisfies OptionChecks<StatusListSourceOptions>

type Settings = Required<Omit<StatusListSourceOptions, 'fetch'>> & Pick<StatusListSourceOptions, 'fetch'>

/** The longest text of a token. */
const maxTokenLength = 4_194_304
/** Seconds by which the clock of the issuer can be ahead. */
const clockTolerance = 60
/** Shortest time between two readings, whatever the `ttl` is. */
const shortestMs = 1_000

/**
 * Reads a Token Status List (draft-ietf-oauth-status-list-21) for `followRevocations`. Every status other than VALID
 * revokes the delegations or principals of its index. The copy only grows: an entry that was suspended stays revoked
 * until the process ends. The age of the copy counts from the `iat` of the token, so `maxAge` must be longer than the
 * time after which the issuer makes a new one.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @example
 * ```ts
 * import * as jose from 'jose'
 * import { followRevocations } from 'procura/revocation/feed'
 * import { statusListSource } from 'procura/revocation/status-list'
 *
 * const revocations = followRevocations({
 *   source: statusListSource({
 *     jose,
 *     uri: 'https://authority.example/agents/1',
 *     key: publicKey,
 *     algorithms: ['ES256'],
 *     idsOf: (index) => agents.get(index) ?? [],
 *   }),
 *   maxAge: 600,
 * })
 * ```
 */
export function statusListSource(options: StatusListSourceOptions): RevocationSource {
  const settings: Settings = readOptions('statusListSource', options, optionChecks)
  const reason = (): StoreError => new StoreError(`the status list did not arrive within ${settings.timeoutMs} ms`)
  return Object.freeze({
    async *read({ signal }: { readonly signal: AbortSignal }) {
      while (!signal.aborted) {
        const list = await withinDeadline(settings.timeoutMs, { signals: [signal], reason }, async (limit) =>
          readList(await fetchToken(settings, limit), settings),
        )
        const entries: RevocationEntry[] = []
        for (const index of list.indexes) {
          const ids = await unlessAborted(async () => settings.idsOf(index), signal)
          if (!Array.isArray(ids)) throw new StoreError('`idsOf` must return an array of CIDs and DIDs')
          if (ids.length > 0) entries.push({ ids, expiration: never })
        }
        yield { entries, cursor: undefined, completeAt: list.issuedAt }
        await sleep(Math.max(shortestMs, Math.min(settings.refreshMs, list.ttl * 1_000)), signal)
      }
    },
  })
}

interface StatusList {
  readonly issuedAt: Timestamp
  /** Seconds. */
  readonly ttl: number
  readonly indexes: Iterable<number>
}

async function fetchToken({ uri, fetch }: Settings, signal: AbortSignal): Promise<string> {
  const send = fetch ?? globalThis.fetch
  const response = await send(uri, {
    headers: { accept: `application/${statusListType}` },
    redirect: 'error',
    credentials: 'omit',
    cache: 'no-store',
    signal,
  })
  const [type = ''] = (response.headers.get('content-type') ?? '').split(';')
  if (response.status !== 200 || response.redirected || type.trim().toLowerCase() !== `application/${statusListType}`) {
    response.body?.cancel().catch(() => undefined)
    throw new StoreError(
      `the status list responded with status ${response.status}; it must be 200 and application/${statusListType}`,
    )
  }
  return (await readBody(response.body, { most: maxTokenLength, of: 'the status list', signal })).trim()
}

/** RVK-31 */
async function readList(token: string, settings: Settings): Promise<StatusList> {
  const { jose, key, algorithms, uri, clock, maxListBytes } = settings
  const { payload } = await jose.jwtVerify(token, key as never, {
    algorithms: [...algorithms],
    typ: statusListType,
    currentDate: new Date(secondsOf(clock) * 1_000),
  })
  const { sub, iat, ttl = Number.POSITIVE_INFINITY, status_list: list } = payload
  const { bits, lst } = Object(list) as { readonly bits?: unknown; readonly lst?: unknown }
  const isList =
    sub === uri &&
    typeof iat === 'number' &&
    iat <= secondsOf(clock) + clockTolerance &&
    typeof ttl === 'number' &&
    ttl > 0 &&
    isStatusBits(bits) &&
    typeof lst === 'string'
  if (!isList) throw new StoreError('the status list is malformed, or published at another address')
  try {
    const bytes = await decompress(decodeBase64url(lst, maxTokenLength), maxListBytes)
    return { issuedAt: iat, ttl, indexes: setIndexes(bytes, bits) }
  } catch (cause) {
    if (!(cause instanceof MalformedError || cause instanceof ArgumentError)) throw cause
    throw new StoreError('the status list is malformed', { cause })
  }
}
