/**
 * Reads from a store that can be slow or unavailable: attempts with a time limit, retries, a limit on concurrent
 * readings, a circuit breaker for the store, and one for each secret. Keeps nothing between readings.
 *
 * @module
 */

import { VaultError } from '../../errors.ts'
import { waitAfter } from '../../support/back-off.ts'
import { createBoundedMap } from '../../support/bounded-map.ts'
import { withinDeadline } from '../../support/deadline.ts'
import { createSemaphore } from '../../support/semaphore.ts'
import { vaultFailure } from '../../support/vault-failure.ts'
import { type BreakerState, type CircuitBreaker, createCircuitBreaker, type FailureKind } from '../circuit-breaker.ts'
import { SecretFailure, UnknownFailure } from '../release/failure.ts'
import { giveBackLate } from '../release/reading.ts'
import type { ReadOptions, SecretReading, SecretSource } from '../source.ts'

/** The longest pause before a retry, in milliseconds. */
const maxPauseMs = 1_000

/**
 * VLT-51: the most scopes of secrets with a circuit breaker of their own; those that were not read for the longest time
 * are dropped.
 */
const maxBreakers = 1_000

/** Settings of {@link createStoreReader}; {@link ResilienceOptions} describes them. */
export interface StoreReaderSettings {
  readonly attempts: number
  readonly attemptTimeoutMs: number
  readonly retryAfterMs: number
  readonly failures: number
  readonly failureWindowMs: number
  readonly probeAfterMs: number
  readonly concurrency: number
  readonly monotonicMs: () => number
}

/** Reads from one store. */
export interface StoreReader {
  /**
   * Reads once, with retries. The caller owns the reading; a signal of the caller does not stop it.
   *
   * @param key - names the secret: its reference and scope.
   */
  read(key: string, reference: string, options: Omit<ReadOptions, 'signal'>): Promise<SecretReading | undefined>
  /** The state of the circuit breaker of the store. */
  state(): BreakerState
  /** Whether the circuit breakers of the store and of a secret are closed. */
  isClosed(key: string): boolean
}

/** Whether a later attempt could succeed. */
export function isUnavailable(error: unknown): error is VaultError {
  return error instanceof VaultError && error.code === 'ERR_VAULT_UNAVAILABLE'
}

/** The error of a reading while a circuit breaker is not closed. */
export function refused(): VaultError {
  return new VaultError(
    'ERR_VAULT_UNAVAILABLE',
    'the secret store failed repeatedly and is not contacted for some seconds',
  )
}

/** VLT-49: the meaning of an error for the circuit breaker of the store. A store that answers is not at fault. */
function kindForStore(error: unknown): FailureKind {
  return isUnavailable(error) && !(error instanceof SecretFailure) ? 'failed' : 'answered'
}

/** What an error means for the circuit breaker of one secret: it is probed again when the store is back. */
function kindForSecret(error: unknown): FailureKind {
  if (error instanceof SecretFailure) return 'failed'
  return isUnavailable(error) ? 'not-asked' : 'answered'
}

/** An error of another class does not show whether others could read their secrets, so it counts for this one alone. */
function asVaultError(error: unknown): VaultError {
  if (error instanceof VaultError) return error
  return asUnknown(vaultFailure('ERR_VAULT_UNAVAILABLE', 'the credential could not be read from its source', error))
}

function asUnknown({ message, cause }: VaultError): VaultError {
  return new UnknownFailure(message, { cause })
}

/** Makes a reader of a store, with its circuit breakers closed. */
export function createStoreReader(source: SecretSource, settings: StoreReaderSettings): StoreReader {
  const { attempts, attemptTimeoutMs, concurrency } = settings
  const backOff = { firstMs: settings.retryAfterMs, maxMs: maxPauseMs }
  const limit = createSemaphore({
    running: concurrency,
    waiting: concurrency,
    refusal: () =>
      new VaultError(
        'ERR_VAULT_UNAVAILABLE',
        'too many secrets are being read at the same time; try again, or raise `concurrency`',
      ),
  })
  const { failures, failureWindowMs: windowMs, probeAfterMs, monotonicMs } = settings
  const common = { failures, windowMs, probeAfterMs, monotonicMs, refusal: refused }
  const breaker = createCircuitBreaker({ ...common, kindOf: kindForStore })
  const breakers = createBoundedMap<CircuitBreaker>(maxBreakers)

  function breakerOf(key: string): CircuitBreaker {
    const known = breakers.get(key)
    if (known !== undefined) return known
    const made = createCircuitBreaker({ ...common, kindOf: kindForSecret })
    breakers.set(key, made)
    return made
  }

  // VLT-52: A token that does not come must take no place and no probe from other readings.
  async function prepare(key: string, reference: string, { scope }: ReadOptions): Promise<ReadOptions['prepared']> {
    if (breaker.refuses || breakerOf(key).refuses) throw refused()
    try {
      return await inTime(attemptTimeoutMs, 'the token of the call', async (signal) =>
        source.prepare?.(reference, { scope, signal }),
      )
    } catch (error) {
      // It can be a refusal, and the store was not asked.
      throw isUnavailable(error) ? asUnknown(error) : error
    }
  }

  const attempt = (reference: string, options: ReadOptions): Promise<SecretReading | undefined> =>
    inTime(attemptTimeoutMs, 'the secret store', (signal) => {
      const work = (async () => source.read(reference, { ...options, signal }))()
      giveBackLate(work, () => signal.aborted)
      return work
    })

  const isClosed = (key: string): boolean => breaker.state === 'closed' && breakerOf(key).state === 'closed'

  async function withRetries(key: string, reference: string, options: ReadOptions): Promise<SecretReading | undefined> {
    for (let count = 1; ; count += 1) {
      try {
        // VLT-13: The circuit breakers leave a failing store, or a failing secret, alone, and probe it later.
        return await breakerOf(key).run(() => breaker.run(() => attempt(reference, options)))
      } catch (cause) {
        // An open circuit breaker would refuse another attempt.
        if (count >= attempts || !isUnavailable(cause) || !isClosed(key)) throw cause
        await pause(waitAfter(count, backOff))
      }
    }
  }

  async function readPrepared(
    key: string,
    reference: string,
    options: ReadOptions,
  ): Promise<SecretReading | undefined> {
    const prepared = await prepare(key, reference, options)
    return limit(() => withRetries(key, reference, { ...options, prepared }))
  }

  return {
    read: (key, reference, options) =>
      source.prepare === undefined
        ? limit(() => withRetries(key, reference, options))
        : readPrepared(key, reference, options),
    state: () => breaker.state,
    isClosed,
  }
}

async function inTime<T>(milliseconds: number, what: string, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const reason = (): VaultError => vaultFailure('ERR_VAULT_UNAVAILABLE', `${what} timed out after ${milliseconds} ms`)
  try {
    return await withinDeadline(milliseconds, { reason }, task)
  } catch (error) {
    throw asVaultError(error)
  }
}

/** Waits, and keeps the process alive meanwhile: a caller waits for the reading. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
