/**
 * Protects a vault against a slow or unavailable store. This file decides when a reading is kept, shared or used while
 * the store is unavailable.
 *
 * @module
 */

import { VaultError } from '../../errors.ts'
import {
  callback,
  milliseconds,
  numberFrom,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { type Clock, systemClock } from '../../time.ts'
import type { BreakerState } from '../circuit-breaker.ts'
import { UnknownFailure } from '../release/failure.ts'
import { giveBack } from '../release/reading.ts'
import type { ReadOptions, SecretReading, SecretSource } from '../source.ts'
import { createReadingCache, type ReadingCache } from './reading-cache.ts'
import { createSharedFlights, readAlone } from './shared-flights.ts'
import { createStoreReader, isUnavailable, refused } from './store-reader.ts'

/** Options of {@link resilient}. */
export interface ResilienceOptions {
  /** Attempts per reading. Default 3. */
  readonly attempts?: number
  /** Time limit of one attempt, in milliseconds. Default 2,000. */
  readonly attemptTimeoutMs?: number
  /**
   * Pause before the second attempt, in milliseconds. Each further pause is twice as long, up to a second. A pause is
   * random between half and the whole of that time. Default 50.
   */
  readonly retryAfterMs?: number
  /** Failures within `failureWindowMs` that open the circuit breaker, of the store or of one secret. Default 5. */
  readonly failures?: number
  /** In milliseconds. Default 10,000. */
  readonly failureWindowMs?: number
  /** Time between two probes while the circuit breaker is open, in milliseconds. Default 5,000. */
  readonly probeAfterMs?: number
  /** Concurrent readings; as many again wait. Default 64. */
  readonly concurrency?: number
  /** Seconds for which a secret is used without asking the store again. Default 0: the store is asked each time. */
  readonly keep?: number
  /**
   * Seconds, counted from the reading, for which a secret is used while the store is unavailable, and never past its
   * own expiry. Default 0: it is not used then.
   */
  readonly maxStale?: number
  /** Default: the clock of the host. */
  readonly clock?: Clock
  /** Milliseconds of a clock that only goes forward. Default: `performance.now`. */
  readonly monotonicMs?: () => number
}

/** A source that tolerates failures of the source that it wraps. */
export interface ResilientSource extends SecretSource {
  /** State of the circuit breaker of the store, for a health page. */
  readonly state: () => BreakerState
  /**
   * Drops the kept secrets of a credential, and in a vault the tokens that were made from them. Call it when the
   * credential was revoked or rotated elsewhere.
   */
  readonly forget: (reference: string) => void
  /** How often `forget` was called for a credential. */
  readonly forgotten: (reference: string) => number
}

/**
 * Wraps a source with retries, a circuit breaker, time limits and shared readings.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function resilient(source: SecretSource, options: ResilienceOptions = {}): ResilientSource {
  readOptions('resilient', { source }, { source: withMethod('read') })
  const settings = readOptions('resilient', options, checks)
  const store = createStoreReader(source, settings)
  const cache = createReadingCache(settings)
  const flights = createSharedFlights()
  const forgotten = new Map<string, number>()

  function forget(reference: string): void {
    cache.forget(reference)
    forgotten.set(reference, (forgotten.get(reference) ?? 0) + 1)
  }

  /** Reads for all callers that share the flight, and keeps the reading. */
  async function readAndKeep(key: string, reference: string, options: Asked): Promise<SecretReading | undefined> {
    const begun = cache.begin(key, reference)
    try {
      const reading = await store.read(key, reference, options)
      if (reading?.revoke !== undefined) {
        await giveBack(reading)
        throw new VaultError(
          'ERR_VAULT_CONFIGURATION',
          'the source returned a secret with `revoke`; its `perCall` must return true for this credential',
        )
      }
      // VLT-16: A store that refuses, or has no such credential, ends the use of a kept secret; so does an error that
      // may be a refusal. A store that is unavailable does not.
      if (reading === undefined) cache.drop(key)
      else begun.keep(reading)
      return reading
    } catch (cause) {
      if (!isUnavailable(cause) || cause instanceof UnknownFailure) cache.drop(key)
      throw cause
    } finally {
      begun.end()
    }
  }

  async function readShared(
    key: string,
    reference: string,
    options: Asked,
    signal: AbortSignal | undefined,
  ): Promise<SecretReading | undefined> {
    const flightKey = `${String(options.fresh)} ${cache.generation(reference)} ${key}`
    // Only the caller that sent a probe waits for it; everybody else is refused at once.
    if (flights.has(flightKey) && !store.isClosed(key)) throw refused()
    return flights.join(flightKey, () => readAndKeep(key, reference, options), signal)
  }

  async function read(reference: string, { signal, ...options }: ReadOptions): Promise<SecretReading | undefined> {
    signal?.throwIfAborted()
    const key = JSON.stringify([reference, options.scope])
    if (source.perCall?.(reference) === true) return readAlone(() => store.read(key, reference, options), signal)
    const fresh = options.fresh === true
    const kept = fresh ? undefined : cache.get(key, settings.keep)
    if (kept !== undefined) return kept
    try {
      return await readShared(key, reference, options, signal)
    } catch (cause) {
      const stale = isUnavailable(cause) && !fresh ? cache.get(key, settings.maxStale) : undefined
      if (stale === undefined) throw cause
      return { ...stale, stale: true }
    }
  }

  const { replace, scope, exclusively, perCall } = source
  return Object.freeze({
    name: source.name,
    read,
    state: store.state,
    forget,
    forgotten: (reference: string) => forgotten.get(reference) ?? 0,
    ...(scope !== undefined && { scope: scope.bind(source) }),
    ...(perCall !== undefined && { perCall: perCall.bind(source) }),
    ...(exclusively !== undefined && { exclusively: exclusively.bind(source) }),
    ...(replace !== undefined && { replace: forgetting(cache, replace.bind(source)) }),
  }) as ResilientSource
}

/** Stores a successor. No secret is kept that was read before it was stored. */
function forgetting(cache: ReadingCache, replace: Replace): Replace {
  return async (reference, successor) => {
    cache.forget(reference)
    try {
      return await replace(reference, successor)
    } finally {
      cache.forget(reference)
    }
  }
}

type Replace = NonNullable<SecretSource['replace']>

/** Options of a reading, without the signal: it belongs to one caller. */
type Asked = Omit<ReadOptions, 'signal'>

const checks = {
  attempts: withDefault(numberFrom(1), 3),
  attemptTimeoutMs: withDefault(milliseconds, 2_000),
  retryAfterMs: withDefault(numberFrom(0), 50),
  failures: withDefault(numberFrom(1), 5),
  failureWindowMs: withDefault(numberFrom(1), 10_000),
  probeAfterMs: withDefault(numberFrom(1), 5_000),
  concurrency: withDefault(numberFrom(1), 64),
  keep: withDefault(numberFrom(0), 0),
  maxStale: withDefault(numberFrom(0), 0),
  clock: withDefault(withMethod('now'), systemClock),
  monotonicMs: withDefault(callback, () => performance.now()),
} satisfies OptionChecks<ResilienceOptions>

/** The checks of {@link ResilienceOptions}, with the defaults. */
export const resilienceChecks: OptionChecks<ResilienceOptions> = Object.freeze(checks)
