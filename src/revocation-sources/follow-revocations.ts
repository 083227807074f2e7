import { memoryRevocationStore } from '../core/revocation/memory-revocation-store.ts'
import type {
  RevocationEntry,
  RevocationKnowledge,
  RevocationRecord,
  RevocationRegistry,
  RevocationStore,
} from '../core/revocation/revocation-store.ts'
import { StoreError } from '../errors.ts'
import { unlessAborted } from '../support/abort.ts'
import { sleep, waitAfter } from '../support/back-off.ts'
import {
  abortSignal,
  callback,
  integerFrom,
  maybe,
  milliseconds,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import { type Clock, systemClock } from '../time.ts'
import { finiteSeconds } from './finite-seconds.ts'
import { type KnowledgeAge, knowledgeAge } from './knowledge-age.ts'
import type { RevocationNews, RevocationSource } from './revocation-source.ts'

/** Options of {@link followRevocations}. */
export interface FollowRevocationsOptions {
  /** The list to follow, for example `revocationFeedSource`. */
  readonly source: RevocationSource
  /**
   * Seconds for which the copy counts as current after it was complete. Default 30. An older copy refuses every call.
   */
  readonly maxAge?: number
  /**
   * Further seconds for which look-ups are answered although the copy is older than `maxAge`: a delegation that was
   * revoked in this time is accepted. A guard records each of these calls with `revocationsStale`. Default 0.
   */
  readonly dangerouslyAllowStaleFor?: number
  /**
   * Most revocations of the copy. Default 1,000,000. If there are more, the copy is not complete, and refuses calls.
   */
  readonly maxEntries?: number
  /** Longest wait before the source is asked again after a failure, in milliseconds. Default 800. */
  readonly maxRetryMs?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Receives each failure of the source. Its own errors are ignored. */
  readonly onError?: (error: unknown) => void
}

/** A copy of a list of revocations. */
export interface FollowedRevocations extends RevocationStore {
  findRevocations(ids: readonly string[]): readonly RevocationRecord[]
  /** How current the copy is; undefined until it was complete for the first time. */
  knowledge(): RevocationKnowledge | undefined
  /**
   * Resolves when the copy is complete for the first time. Rejects when the signal is aborted, or the copy closed,
   * before.
   */
  ready(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
  /** Stops following the source. The copy grows old, and refuses calls after `maxAge`. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const optionChecks = Object.freeze({
  source: withMethod('read'),
  maxAge: withDefault(finiteSeconds, 30),
  dangerouslyAllowStaleFor: withDefault(finiteSeconds, 0),
  maxEntries: withDefault(integerFrom(0), 1_000_000),
  maxRetryMs: withDefault(milliseconds, 800),
  clock: withDefault(withMethod('now'), systemClock),
  onError: maybe(callback),
}) satisfies OptionChecks<FollowRevocationsOptions>

/** Seconds for which a source keeps a revocation that has ended. One that is further ahead forgets too early. */
const mostAhead = 300
/** Wait after the first failure, in milliseconds. */
const firstRetryMs = 100

/**
 * Follows a list of revocations, and answers look-ups from a copy in memory. A look-up has one of three answers:
 * revoked, not revoked, or a rejection when the copy is older than `maxAge`. The call is then refused with
 * `revocation_unknown`.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @example
 * ```ts
 * import { followRevocations, revocationFeedSource } from 'procura/revocation/feed'
 *
 * const revocations = followRevocations({
 *   source: revocationFeedSource({ url: 'https://authority.example/revocations', publisher: authority.did }),
 *   maxAge: 30,
 * })
 * await revocations.ready()
 * ```
 */
export function followRevocations(options: FollowRevocationsOptions): FollowedRevocations {
  const given = readOptions('followRevocations', options, optionChecks)
  const { maxAge, dangerouslyAllowStaleFor, maxEntries, clock } = given
  const copy = memoryRevocationStore({ maxEntries, clock })
  const age = knowledgeAge(clock, () => performance.now())
  const stopping = new AbortController()
  const complete = new AbortController()
  const following = follow(given, { copy, age, complete, signal: stopping.signal })

  async function close(): Promise<void> {
    stopping.abort(new StoreError('the copy of the revocations was closed'))
    await following
  }

  return Object.freeze({
    findRevocations(ids: readonly string[]) {
      const found = copy.findRevocations(ids, {}) as readonly RevocationRecord[]
      const seconds = age.seconds()
      // RVK-20
      if (Number.isFinite(seconds) && seconds <= maxAge + dangerouslyAllowStaleFor) return found
      const certain = found.filter(({ id, revoker }) => revoker === undefined || id.startsWith('did:'))
      if (certain.length > 0) return certain
      throw new StoreError(
        Number.isFinite(seconds)
          ? `the copy of the revocations is ${Math.round(seconds)} seconds old; \`maxAge\` is ${maxAge}`
          : 'the copy of the revocations is not complete yet; await `ready()` before the first call',
      )
    },
    knowledge() {
      const ageSeconds = age.seconds()
      return Number.isFinite(ageSeconds) ? Object.freeze({ ageSeconds, stale: ageSeconds > maxAge }) : undefined
    },
    async ready(call: { readonly signal?: AbortSignal | undefined } = {}) {
      const { signal } = readOptions('ready', call, { signal: abortSignal })
      if (complete.signal.aborted) return
      await unlessAborted(() => unlessAborted(untilAborted(complete.signal), stopping.signal), signal)
    },
    close,
    [Symbol.asyncDispose]: close,
  })
}

/** The parts of a copy that its source changes. */
interface Copy {
  readonly copy: RevocationRegistry
  readonly age: KnowledgeAge
  /** Aborted when the copy is complete for the first time. */
  readonly complete: AbortController
  /** Ends it. */
  readonly signal: AbortSignal
}

/** Reads the source repeatedly, until the signal is aborted. */
async function follow(
  {
    source,
    maxRetryMs,
    clock,
    onError,
  }: Pick<Required<FollowRevocationsOptions>, 'source' | 'maxRetryMs' | 'clock'> &
    Pick<FollowRevocationsOptions, 'onError'>,
  { copy, age, complete, signal }: Copy,
): Promise<void> {
  let after: string | undefined

  function take({ entries, cursor, completeAt, leftOut = [] }: RevocationNews): void {
    addAll(copy, entries)
    for (const reason of leftOut) void quietly(() => onError?.(reason))
    after = cursor
    if (completeAt === undefined) return
    const ahead = completeAt - clock.now()
    if (ahead > mostAhead) {
      throw new StoreError(`the source is ${Math.round(ahead)} seconds ahead; correct its clock, or the clock here`)
    }
    age.note(completeAt)
    complete.abort()
  }

  /** Returns whether the copy was complete at some time of the reading. */
  async function readOnce(): Promise<boolean> {
    let wasComplete = false
    let news: AsyncIterator<RevocationNews> | undefined
    try {
      const reading = source.read({ after, signal })[Symbol.asyncIterator]()
      news = reading
      for (;;) {
        const { done, value } = await unlessAborted(() => reading.next(), signal)
        if (done) return wasComplete
        take(value)
        wasComplete ||= value.completeAt !== undefined
      }
    } catch (error) {
      if (!signal.aborted) void quietly(() => onError?.(error))
      return wasComplete
    } finally {
      // A source that ignores its signal is not waited for.
      void quietly(() => news?.return?.())
    }
  }

  for (let failures = 1; !signal.aborted; failures++) {
    if (await readOnce()) failures = 1
    await sleep(waitAfter(failures, { firstMs: Math.min(firstRetryMs, maxRetryMs), maxMs: maxRetryMs }), signal)
  }
}

/**
 * Adds all entries that it can before it fails: the set only grows. The place in the source, and the age of the copy,
 * move only after each entry was added. RVK-23
 *
 * @throws the error of the first entry that was refused.
 */
function addAll(copy: RevocationRegistry, entries: readonly RevocationEntry[]): void {
  let failure: { readonly error: unknown } | undefined
  for (const entry of entries) {
    try {
      // A memory store adds at once.
      void copy.add(entry)
    } catch (error) {
      failure ??= { error }
    }
  }
  if (failure !== undefined) throw failure.error
}

/** Resolves when a signal is aborted. */
function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
