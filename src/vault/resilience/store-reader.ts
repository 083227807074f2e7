/**
 * Reads from a store that can be slow or unavailable: attempts with a time limit, retries, a limit on concurrent
 * readings, and a circuit breaker. Keeps nothing between readings.
 *
 * @module
 */

import { VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { waitAfter } from '../../support/back-off.ts'
import { type BreakerState, createCircuitBreaker } from '../../support/circuit-breaker.ts'
import { startDeadline } from '../../support/deadline.ts'
import { createSemaphore } from '../../support/semaphore.ts'
import { vaultFailure } from '../../support/vault-failure.ts'
import { CallFailure } from '../release/failure.ts'
import { giveBackLate } from '../release/reading.ts'
import type { ReadOptions, SecretReading, SecretSource } from '../source.ts'

/** The longest pause before a retry, in milliseconds. */
const maxPauseMs = 1_000

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
  /** Reads once, with retries. The caller owns the reading; a signal of the caller does not stop it. */
  read(reference: string, options: Omit<ReadOptions, 'signal'>): Promise<SecretReading | undefined>
  /** The state of the circuit breaker. */
  state(): BreakerState
}

/** Whether a later attempt could succeed, and the store is the one that failed. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof VaultError && error.code === 'ERR_VAULT_UNAVAILABLE' && !(error instanceof CallFailure)
}

/** The error of a reading while the circuit breaker is not closed. */
export function refused(): VaultError {
  return new VaultError(
    'ERR_VAULT_UNAVAILABLE',
    'the secret store failed repeatedly and is not contacted for some seconds',
  )
}

/** Makes a reader of a store, with its circuit breaker closed. */
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
  const breaker = createCircuitBreaker({
    failures: settings.failures,
    windowMs: settings.failureWindowMs,
    probeAfterMs: settings.probeAfterMs,
    monotonicMs: settings.monotonicMs,
    kindOf: (error) => (isUnavailable(error) ? 'failed' : error instanceof CallFailure ? 'not-asked' : 'answered'),
    refusal: refused,
  })

  async function attempt(reference: string, options: ReadOptions): Promise<SecretReading | undefined> {
    const deadline = startDeadline([], attemptTimeoutMs, () =>
      vaultFailure('ERR_VAULT_UNAVAILABLE', `the secret store timed out after ${attemptTimeoutMs} ms`),
    )
    const { signal } = deadline
    try {
      return await unlessAborted(() => {
        const work = source.read(reference, { ...options, signal })
        giveBackLate(work, () => signal.aborted)
        return work
      }, signal)
    } finally {
      deadline.end()
    }
  }

  async function withRetries(reference: string, options: ReadOptions): Promise<SecretReading | undefined> {
    for (let failures = 1; ; failures += 1) {
      try {
        // VLT-13: The circuit breaker leaves a failing store alone, and probes it later.
        return await breaker.run(() => attempt(reference, options))
      } catch (cause) {
        // An open circuit breaker would refuse another attempt.
        if (failures >= attempts || !isUnavailable(cause) || breaker.state !== 'closed') throw cause
        await pause(waitAfter(failures, backOff))
      }
    }
  }

  return {
    read: (reference, options) => limit(() => withRetries(reference, options)),
    state: () => breaker.state,
  }
}

/** Waits, and keeps the process alive meanwhile: a caller waits for the reading. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
