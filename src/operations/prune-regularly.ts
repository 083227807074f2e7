import { StoreError } from '../errors.ts'
import { sleep } from '../support/back-off.ts'
import {
  callback,
  maybe,
  milliseconds,
  nonEmptyArrayOf,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { quietly } from '../support/quietly.ts'

/** A store that forgets expired entries. */
export interface PrunableStore {
  /** Forgets some entries at a time, until no expired ones are left or the signal is aborted. */
  prune(options: { readonly signal: AbortSignal }): Promise<void>
}

/** Options of {@link pruneRegularly}. */
export interface PruneRegularlyOptions {
  /** The stores, which are pruned one after the other. */
  readonly stores: readonly PrunableStore[]
  /**
   * Milliseconds from the end of one round to the next. Default 60,000; the first round comes after a random part of
   * it.
   */
  readonly intervalMs?: number
  /** Receives each failure. The next round tries again. Its own errors are ignored. */
  readonly onError?: (error: unknown) => void
}

/** The regular pruning of stores. */
export interface RegularPruning {
  /** Ends it, after the batch of entries that is being forgotten. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const optionChecks = Object.freeze({
  stores: nonEmptyArrayOf(withMethod('prune')),
  intervalMs: withDefault(milliseconds, 60_000),
  onError: maybe(callback),
}) satisfies OptionChecks<PruneRegularlyOptions>

/**
 * Prunes stores from time to time. It does not keep the process alive. Several processes may do it: the stores forget
 * each entry once. OPS-20
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @example
 * ```ts
 * import { pruneRegularly } from 'procura/operations'
 * import { postgresStores } from 'procura/store/postgres'
 *
 * const { replay, revocations } = postgresStores({ client: postgres, secret })
 * const pruning = pruneRegularly({ stores: [replay, revocations] })
 * ```
 */
export function pruneRegularly(options: PruneRegularlyOptions): RegularPruning {
  const { stores, intervalMs, onError } = readOptions('pruneRegularly', options, optionChecks)
  const stopping = new AbortController()
  const { signal } = stopping

  async function round(): Promise<void> {
    for (const store of stores) {
      if (signal.aborted) return
      try {
        await store.prune({ signal })
      } catch (error) {
        if (!signal.aborted) void quietly(() => onError?.(error))
      }
    }
  }

  async function run(): Promise<void> {
    const [random = 0] = crypto.getRandomValues(new Uint32Array(1))
    await sleep(intervalMs * (random / 2 ** 32), signal)
    while (!signal.aborted) {
      await round()
      await sleep(intervalMs, signal)
    }
  }

  const running = run()
  async function close(): Promise<void> {
    stopping.abort(new StoreError('the pruning was closed'))
    await running
  }
  return Object.freeze({ close, [Symbol.asyncDispose]: close })
}
