import { backend as platform } from '#backend'
import { didOption } from '../../core/did/did-option.ts'
import { type DidResolver, keyResolver } from '../../core/did/resolver.ts'
import { encodeBase64url } from '../../core/ipld/base.ts'
import type { RevocationKnowledge, RevocationRecord, RevocationStore } from '../../core/revocation/revocation-store.ts'
import { StoreError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { withinDeadline } from '../../support/deadline.ts'
import {
  callback,
  didString,
  integerFrom,
  maybe,
  milliseconds,
  type OptionChecks,
  type Read,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { type Clock, systemClock } from '../../time.ts'
import { confidentialUrl } from '../confidential-url.ts'
import { finiteSeconds } from '../finite-seconds.ts'
import { type KnowledgeAge, knowledgeAge } from '../knowledge-age.ts'
import { readBody } from '../read-body.ts'
import { type Answer, answerReader, maxLookupText } from './statement.ts'

/** Options of {@link remoteRevocations}. */
export interface RemoteRevocationsOptions {
  /** The address of the look-up: `https:`, or `http:` on this machine. */
  readonly url: string
  /** The DID of the publisher, whose signature each answer must have. */
  readonly publisher: string
  /** Resolves the publisher. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /**
   * Returns further headers of a request, for example `authorization`. Called for each request. Default: no headers.
   */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** Seconds for which an answer is used again. Default 30; 0 asks for each call. */
  readonly maxAge?: number
  /**
   * Further seconds for which an answer is used again while the publisher does not respond: a delegation that was
   * revoked in this time is accepted. A guard records each of these calls with `revocationsStale`. Default 0.
   */
  readonly dangerouslyAllowStaleFor?: number
  /** Most chains whose answers are kept. Default 10,000. The oldest answers are forgotten. */
  readonly maxEntries?: number
  /** Milliseconds for a response. Default 1,000. */
  readonly timeoutMs?: number
  /** Milliseconds after a failure in which the publisher is not asked again. Default 1,000. */
  readonly retryMs?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Default: the `fetch` of the platform. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
}

/** Revocations that are looked up elsewhere. */
export interface RemoteRevocations extends RevocationStore {
  /** The largest age that an answer can have now; undefined before the first one. */
  knowledge(): RevocationKnowledge | undefined
}

const optionChecks = Object.freeze({
  url: confidentialUrl,
  publisher: didString,
  resolver: withDefault(withMethod('resolve'), keyResolver()),
  headers: maybe(callback),
  maxAge: withDefault(finiteSeconds, 30),
  dangerouslyAllowStaleFor: withDefault(finiteSeconds, 0),
  maxEntries: withDefault(integerFrom(1), 10_000),
  timeoutMs: withDefault(milliseconds, 1_000),
  retryMs: withDefault(milliseconds, 1_000),
  clock: withDefault(withMethod('now'), systemClock),
  fetch: maybe(callback),
}) satisfies OptionChecks<RemoteRevocationsOptions>

type Settings = Read<RemoteRevocationsOptions, typeof optionChecks>

/** An answer that may be used again. */
interface Kept {
  readonly records: readonly RevocationRecord[]
  /** When the question was asked, in milliseconds of `performance.now`. */
  readonly askedMs: number
  readonly age: KnowledgeAge
}

/**
 * Looks revocations up at another service, and uses an answer again for `maxAge` seconds. Use it where a copy of all
 * revocations (`followRevocations`) would be too large, or not permitted.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @example
 * ```ts
 * import { remoteRevocations } from 'procura/revocation/lookup'
 *
 * const revocations = remoteRevocations({
 *   url: 'https://authority.example/look-up',
 *   publisher: authority.did,
 *   headers: () => ({ authorization: `Bearer ${readerToken}` }),
 *   maxAge: 5,
 * })
 * ```
 */
export function remoteRevocations(options: RemoteRevocationsOptions): RemoteRevocations {
  const settings: Settings = readOptions('remoteRevocations', options, optionChecks)
  const { maxAge, dangerouslyAllowStaleFor, maxEntries } = settings
  const { ask, isAbsent } = asker(settings)
  /** In the order of their arrival, so the first one is the oldest. */
  const kept = new Map<string, Kept>()
  const asking = new Map<string, { readonly answer: Promise<Kept>; readonly askedMs: number }>()

  /** Asks once for callers that ask the same within `maxAge`. */
  function askOnce(key: string, ids: readonly string[]): Promise<Kept> {
    const present = asking.get(key)
    const askedMs = performance.now()
    if (present !== undefined && askedMs - present.askedMs <= maxAge * 1_000) return present.answer
    const answer = ask(ids)
      .then((found) => {
        // An answer to a later question may have arrived before.
        if (found.askedMs < (kept.get(key)?.askedMs ?? 0)) return found
        kept.delete(key)
        if (kept.size >= maxEntries) forgetOldest()
        kept.set(key, found)
        return found
      })
      .finally(() => {
        if (asking.get(key)?.answer === answer) asking.delete(key)
      })
    asking.set(key, { answer, askedMs })
    return answer
  }

  function forgetOldest(): void {
    for (const oldest of kept.keys()) {
      kept.delete(oldest)
      return
    }
  }

  /** The age of the oldest answer that may be used again. */
  function oldestAge(): number | undefined {
    for (const [key, { age }] of kept) {
      const seconds = age.seconds()
      if (seconds <= maxAge + dangerouslyAllowStaleFor) return seconds
      kept.delete(key)
    }
    return undefined
  }

  return Object.freeze({
    async findRevocations(ids: readonly string[], { signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      if (ids.length === 0) return []
      const key = ids.join(' ')
      const before = kept.get(key)
      if (before !== undefined && before.age.seconds() <= maxAge) return before.records
      try {
        return (await unlessAborted(askOnce(key, ids), signal)).records
      } catch (error) {
        // RVK-52
        if (before === undefined) throw error
        if (isAbsent() && before.age.seconds() <= maxAge + dangerouslyAllowStaleFor) return before.records
        const certain = before.records.filter(({ id, revoker }) => revoker === undefined || id.startsWith('did:'))
        if (certain.length === 0) throw error
        return certain
      }
    },
    knowledge() {
      const oldest = oldestAge()
      if (!isAbsent()) return oldest === undefined ? undefined : knowing(Math.min(oldest, maxAge), false)
      return oldest === undefined ? undefined : knowing(oldest, oldest > maxAge)
    },
  })
}

function knowing(ageSeconds: number, stale: boolean): RevocationKnowledge {
  return Object.freeze({ ageSeconds, stale })
}

/** Asks the publisher. */
interface Asker {
  ask(ids: readonly string[]): Promise<Kept>
  /** Whether the publisher did not respond the last time. */
  isAbsent(): boolean
}

/**
 * Makes the function that asks the publisher. It fails at once for a while after the publisher did not respond. After a
 * response, however wrong, it does not: a question that cannot be answered would end the answers to all others.
 */
function asker(settings: Settings): Asker {
  const { publisher, resolver, clock, timeoutMs, retryMs, maxAge } = settings
  const read = answerReader(didOption('publisher', publisher), resolver, platform)
  let failed: { readonly atMs: number; readonly cause: unknown } | undefined

  async function ask(ids: readonly string[]): Promise<Kept> {
    if (failed !== undefined && performance.now() - failed.atMs < retryMs) {
      throw new StoreError('the revocation look-up failed a moment ago', { cause: failed.cause })
    }
    const nonce = encodeBase64url(crypto.getRandomValues(new Uint8Array(16)))
    const age = knowledgeAge(clock, () => performance.now())
    const askedAt = clock.now()
    const askedMs = performance.now()
    let hasResponded = false
    const onResponse = (): void => {
      hasResponded = true
    }
    try {
      const reason = (): StoreError => new StoreError(`the revocation look-up did not respond within ${timeoutMs} ms`)
      const { records, ageMs } = await withinDeadline(timeoutMs, { reason }, async (signal) =>
        checkAnswer(await read(await send(settings, { ids, nonce }, onResponse, signal), signal), ids, nonce),
      )
      // RVK-51: the age counts from the question, and includes the age of the data of the publisher.
      age.note(askedAt - ageMs / 1_000, (performance.now() - askedMs + ageMs) / 1_000)
      if (ageMs / 1_000 > maxAge) throw new StoreError(`the publisher of the look-up is ${ageMs} ms behind its source`)
      // This machine may have been suspended while the answer was on its way.
      if (age.seconds() > maxAge + timeoutMs / 1_000) throw new StoreError('the answer of the look-up arrived too late')
      failed = undefined
      return { records, askedMs, age }
    } catch (cause) {
      // RVK-53
      const isAbsent = !hasResponded || performance.now() - askedMs >= timeoutMs
      failed = isAbsent ? { atMs: performance.now(), cause } : undefined
      throw cause
    }
  }

  return { ask, isAbsent: () => failed !== undefined }
}

/** @throws StoreError when it is the answer to another question. */
function checkAnswer(answer: Answer, ids: readonly string[], nonce: string): Answer {
  const isAnswer = answer.nonce === nonce && answer.records.every(({ id }) => ids.includes(id))
  if (!isAnswer) throw new StoreError('the revocation look-up sent the answer to another question')
  return answer
}

async function send(
  { url, headers, fetch }: Settings,
  question: { readonly ids: readonly string[]; readonly nonce: string },
  onResponse: () => void,
  signal: AbortSignal,
): Promise<string> {
  const request = fetch ?? globalThis.fetch
  const response = await request(url, {
    method: 'POST',
    headers: { ...(await headers?.()), accept: 'text/plain', 'content-type': 'application/json' },
    body: JSON.stringify(question),
    redirect: 'error',
    credentials: 'omit',
    cache: 'no-store',
    signal,
  })
  if (response.status < 500) onResponse()
  if (response.status !== 200 || response.redirected) {
    response.body?.cancel().catch(() => undefined)
    throw new StoreError(`the revocation look-up responded with status ${response.status}; it must be 200`)
  }
  return readBody(response.body, { most: maxLookupText, of: 'the answer', signal })
}
