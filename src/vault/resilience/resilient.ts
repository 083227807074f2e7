/**
 * Stands between a vault and a store that can be slow or away. Retries, the circuit breaker, time limits and the limit
 * of tasks are those of cockatiel; what is here is when an answer may be kept.
 *
 * @module
 */

import {
  bulkhead,
  ExponentialBackoff,
  handleWhen,
  isBulkheadRejectedError,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel'
import { VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { callback, having, maybe, milliseconds, number } from '../../support/options.ts'
import { type Clock, systemClock } from '../../time.ts'
import { checkConfiguration } from '../configuration.ts'
import { vaultFailure } from '../release/failure.ts'
import { giveBack, giveBackLate, shareReading } from '../release/reading.ts'
import type { ReadOptions, SecretReading, SecretSource } from '../source.ts'
import { type BreakerState, createBreaker, isUnavailable, refused } from './circuit-breaker.ts'
import { createReadingCache } from './reading-cache.ts'

/** Options of {@link resilient}. */
export interface ResilienceOptions {
  /** Times that a store is asked for one reading. Default 3. */
  readonly attempts?: number
  /** Milliseconds for one of them. Default 2,000. */
  readonly attemptTimeoutMs?: number
  /** Milliseconds before the second of them; the pause grows and varies. Default 50. */
  readonly retryAfterMs?: number
  /** Failures within `failureWindowMs` after which the store is not asked any more. Default 5. */
  readonly failures?: number
  /** Default 10,000. */
  readonly failureWindowMs?: number
  /** Milliseconds between two probes of a store that is not asked. Default 5,000. */
  readonly probeAfterMs?: number
  /** Readings that may run at once; as many again wait. Default 64. */
  readonly concurrency?: number
  /** Seconds for which a secret is used without asking for it again. Default 0: it is asked for each time. */
  readonly keep?: number
  /**
   * Seconds for which a secret is used while the store cannot be reached, since it was read, and never past its own
   * end. Default 0: it is not used then.
   */
  readonly maxStale?: number
  /** Default: the clock of the host. */
  readonly clock?: Clock
  /** Milliseconds of a clock that only goes forward. Default: `performance.now`. */
  readonly monotonicMs?: () => number
}

/** A source that bears failures of the one it stands before. */
export interface ResilientSource extends SecretSource {
  /** What the circuit breaker is doing, for a health page. */
  readonly state: () => BreakerState
  /** Forgets what is kept of a credential: call it when the credential was revoked or rotated elsewhere. */
  readonly forget: (reference: string) => void
}

/**
 * Puts retries, a circuit breaker, time limits and a shared flight before a source.
 *
 * @throws VaultError `ERR_VAULT_CONFIGURATION` when a number cannot be meant.
 */
export function resilient(source: SecretSource, options: ResilienceOptions = {}): ResilientSource {
  checkConfiguration('resilient', { source }, { source: having('read') })
  const settings = complete(options)
  const breaker = createBreaker({ ...settings, windowMs: settings.failureWindowMs })
  // Once the breaker is open, another try could only be refused.
  const tries = retry(
    handleWhen((error) => isUnavailable(error) && breaker.state === 'closed'),
    {
      maxAttempts: settings.attempts - 1,
      backoff: new ExponentialBackoff({ initialDelay: settings.retryAfterMs, maxDelay: 1_000 }),
    },
  )
  const limited = wrap(bulkhead(settings.concurrency, settings.concurrency), tries)
  const cache = createReadingCache(settings)
  const flights = new Map<string, Flight>()
  /** How often each credential was forgotten: what was asked before is neither joined nor kept after it. */
  const ages = new Map<string, number>()

  function forget(reference: string): void {
    cache.forget(reference)
    ages.set(reference, (ages.get(reference) ?? 0) + 1)
  }

  async function attempt(reference: string, readOptions: ReadOptions): Promise<SecretReading | undefined> {
    const limit = timeout(settings.attemptTimeoutMs, TimeoutStrategy.Aggressive)
    try {
      return await limit.execute(({ signal }) => {
        const work = source.read(reference, { ...readOptions, signal })
        giveBackLate(work, () => signal.aborted)
        return work
      })
    } catch (cause) {
      // `isTaskCancelledError` of cockatiel 3.2.1 looks for the mark of another error.
      if (!(cause instanceof TaskCancelledError)) throw cause
      throw vaultFailure('ERR_VAULT_UNAVAILABLE', `the vault did not answer within ${settings.attemptTimeoutMs} ms`)
    }
  }

  async function ask(reference: string, readOptions: ReadOptions): Promise<SecretReading | undefined> {
    try {
      return await limited.execute(() => breaker.execute(() => attempt(reference, readOptions)))
    } catch (cause) {
      if (!isBulkheadRejectedError(cause)) throw cause
      throw new VaultError('ERR_VAULT_UNAVAILABLE', 'too many secrets are being read at once')
    }
  }

  async function askShared(
    key: string,
    reference: string,
    readOptions: ReadOptions,
  ): Promise<SecretReading | undefined> {
    const age = ages.get(reference)
    try {
      const reading = await ask(reference, readOptions)
      if (reading?.revoke !== undefined) {
        await giveBack(reading)
        throw new VaultError('ERR_VAULT_CONFIGURATION', 'a source of secrets that can be revoked must say `perCall`')
      }
      // VLT-16: a store that says no, or has nothing, ends what was kept; one that cannot be reached does not
      if (reading === undefined) cache.drop(key)
      else if (ages.get(reference) === age) cache.put(key, reference, reading)
      return reading
    } catch (cause) {
      if (!isUnavailable(cause)) cache.drop(key)
      throw cause
    }
  }

  async function readOwn(
    reference: string,
    readOptions: ReadOptions,
    signal: AbortSignal | undefined,
  ): Promise<SecretReading | undefined> {
    const work = ask(reference, readOptions)
    let waiting = true
    giveBackLate(work, () => !waiting)
    try {
      return await unlessAborted(work, signal)
    } finally {
      waiting = false
    }
  }

  /** One reading for all who want it at the same time; the signal of one who waits does not stop it for the others. */
  async function readShared(
    key: string,
    reference: string,
    readOptions: ReadOptions,
    signal: AbortSignal | undefined,
  ): Promise<SecretReading | undefined> {
    // VLT-35
    const flightKey = `${String(readOptions.fresh)} ${ages.get(reference) ?? 0} ${key}`
    let flight = flights.get(flightKey)
    // A probe has one who waits for it, everybody else is refused at once.
    if (flight !== undefined && breaker.state !== 'closed') throw refused()
    if (flight === undefined) {
      const work = askShared(key, reference, readOptions).finally(() => flights.delete(flightKey))
      flight = { work, waiting: 0 }
      flights.set(flightKey, flight)
    }
    const joined = flight
    joined.waiting += 1
    try {
      return shareReading(await unlessAborted(joined.work, signal))
    } finally {
      joined.waiting -= 1
      giveBackLate(joined.work, () => joined.waiting === 0)
    }
  }

  async function read(reference: string, { signal, ...readOptions }: ReadOptions): Promise<SecretReading | undefined> {
    signal?.throwIfAborted()
    if (source.perCall?.(reference) === true) return readOwn(reference, readOptions, signal)
    const key = JSON.stringify([reference, readOptions.scope])
    const fresh = readOptions.fresh === true
    const kept = fresh ? undefined : cache.get(key, settings.keep)
    if (kept !== undefined) return kept
    try {
      return await readShared(key, reference, readOptions, signal)
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
    state: () => breaker.state,
    forget,
    ...(scope !== undefined && { scope: scope.bind(source) }),
    ...(perCall !== undefined && { perCall: perCall.bind(source) }),
    ...(exclusively !== undefined && { exclusively: exclusively.bind(source) }),
    ...(replace !== undefined && {
      replace: async (reference: string, successor: Parameters<typeof replace>[1]) => {
        forget(reference)
        try {
          return await replace.call(source, reference, successor)
        } finally {
          forget(reference)
        }
      },
    }),
  }) as ResilientSource
}

/** A reading on its way, and how many wait for it. */
interface Flight {
  readonly work: Promise<SecretReading | undefined>
  waiting: number
}

type Settings = Required<ResilienceOptions>

function complete(options: ResilienceOptions): Settings {
  const given = checkConfiguration('resilience', options, {
    attempts: maybe(number(1)),
    attemptTimeoutMs: maybe(milliseconds),
    retryAfterMs: maybe(number(0)),
    failures: maybe(number(1)),
    failureWindowMs: maybe(number(1)),
    probeAfterMs: maybe(number(1)),
    concurrency: maybe(number(1)),
    keep: maybe(number(0)),
    maxStale: maybe(number(0)),
    clock: maybe(having('now')),
    monotonicMs: maybe(callback),
  })
  return {
    attempts: 3,
    attemptTimeoutMs: 2_000,
    retryAfterMs: 50,
    failures: 5,
    failureWindowMs: 10_000,
    probeAfterMs: 5_000,
    concurrency: 64,
    keep: 0,
    maxStale: 0,
    clock: systemClock,
    monotonicMs: () => performance.now(),
    ...given,
  }
}
