import type { RevocationJournal } from '../core/revocation/revocation-journal.ts'
import { StoreError } from '../errors.ts'
import { unlessAborted } from '../support/abort.ts'
import { sleep } from '../support/back-off.ts'
import {
  callback,
  maybe,
  milliseconds,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { type Clock, secondsOf, systemClock } from '../time.ts'
import { parsePlace, showPlace } from './feed/place.ts'
import type { RevocationSource } from './revocation-source.ts'

/**
 * Watches for additions to a journal, until the signal is aborted. It calls `wake` when the journal may have new
 * entries: also once it watches, and after each interruption. Rejects when it cannot watch any longer; it is then
 * called again.
 */
export type RevocationWatch = (wake: () => void, options: { readonly signal: AbortSignal }) => Promise<void>

/** Options of {@link revocationJournalSource}. */
export interface RevocationJournalSourceOptions {
  /** The journal: the revocations of `redisStores`, `postgresStores`, `sqliteStores` or a memory store. */
  readonly journal: RevocationJournal
  /** Reports additions at once: `redisRevocationWatch` or `postgresRevocationWatch`. Default: the journal is polled. */
  readonly watch?: RevocationWatch
  /**
   * Milliseconds between two looks at the journal, whether an addition was reported or not. Default 5,000. It must be
   * less than `maxAge` of the follower, whose age counts from a look.
   */
  readonly pollMs?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
}

const optionChecks = Object.freeze({
  journal: withMethod('listRevocations'),
  watch: maybe(callback),
  pollMs: withDefault(milliseconds, 5_000),
  clock: withDefault(withMethod('now'), systemClock),
}) satisfies OptionChecks<RevocationJournalSourceOptions>

/** Entries that are read at once. */
const pageEntries = 1_000

/**
 * Reads the journal of a store, for `followRevocations`: a process then looks up its own copy, without a request, and
 * learns of each addition at once. After a cut it continues where it was.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @example
 * ```ts
 * import { followRevocations, revocationJournalSource } from 'procura/revocation/feed'
 * import { redisRevocationWatch, redisStores } from 'procura/store/redis'
 *
 * const stores = redisStores({ client: redis, secret })
 * const revocations = followRevocations({
 *   source: revocationJournalSource({
 *     journal: stores.revocations,
 *     watch: redisRevocationWatch({ subscriber: redisSubscriber }),
 *   }),
 * })
 * await revocations.ready()
 * ```
 */
export function revocationJournalSource(options: RevocationJournalSourceOptions): RevocationSource {
  const { journal, watch, pollMs, clock } = readOptions('revocationJournalSource', options, optionChecks)
  return Object.freeze({
    async *read({ after, signal }: { readonly after?: string | undefined; readonly signal: AbortSignal }) {
      const stopping = new AbortController()
      const bell = createBell()
      const stop = (): void => {
        stopping.abort()
        bell.ring()
      }
      signal.addEventListener('abort', stop, { once: true })
      // RVK-32: a watch that ends is an error of the source, which is then read again.
      const watching = watch?.(bell.ring, { signal: stopping.signal }).then(
        () => bell.fail(new StoreError('the watch of the journal ended')),
        (cause: unknown) => bell.fail(new StoreError('the journal cannot be watched', { cause })),
      )
      let place = parsePlace(after)
      try {
        for (;;) {
          signal.throwIfAborted()
          bell.reset()
          // Read before the journal: each entry that was added before this time is in the list.
          const time = secondsOf(clock)
          const list = (after: number) =>
            unlessAborted(async () => journal.listRevocations({ after, limit: pageEntries }), signal)
          let reached = place?.sequence ?? 0
          let page = await list(reached)
          if (place?.journal === page.journal && reached > page.head) throw new StoreError(lost)
          if (reached > 0 && place?.journal !== page.journal) {
            reached = 0
            page = await list(0)
          }
          const complete = page.entries.length < pageEntries
          const sequence = complete ? page.head : (page.entries.at(-1)?.sequence ?? reached)
          place = { journal: page.journal, sequence }
          yield {
            entries: page.entries.map(({ entry }) => entry),
            cursor: showPlace(place),
            ...(complete && { completeAt: time }),
          }
          if (!complete) continue
          const pause = new AbortController()
          await Promise.race([bell.rung(), sleep(pollMs, pause.signal)])
          pause.abort()
        }
      } finally {
        stopping.abort()
        signal.removeEventListener('abort', stop)
        void watching
      }
    },
  })
}

const lost =
  'the journal has lost entries: it ends before a place that was reached; prepare its stores with a new `epoch`, and add the revocations again'

/** A signal that is kept until somebody waits for it. */
interface Bell {
  ring(): void
  fail(error: StoreError): void
  /** Forgets that it rang. */
  reset(): void
  /** Resolves when it rang since the last reset. Rejects after a failure. */
  rung(): Promise<void>
}

function createBell(): Bell {
  let rang = false
  let failure: StoreError | undefined
  let answer: (() => void) | undefined
  return {
    ring() {
      rang = true
      answer?.()
    },
    fail(error) {
      failure = error
      answer?.()
    },
    reset() {
      rang = false
    },
    async rung() {
      if (!rang && failure === undefined) {
        await new Promise<void>((resolve) => {
          answer = resolve
        })
      }
      if (failure !== undefined) throw failure
    },
  }
}
