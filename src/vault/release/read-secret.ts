import type { Authorization } from '../../core/authorization/authorization.ts'
import { VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { startDeadline } from '../../support/deadline.ts'
import { quote } from '../../support/quote.ts'
import { vaultFailure } from '../../support/vault-failure.ts'
import type { Timestamp } from '../../time.ts'
import { Secret } from '../secret.ts'
import type { SecretReading } from '../source.ts'
import type { FoundCredential, VaultContext } from './context.ts'
import { giveBack, giveBackLate } from './reading.ts'

/** How a secret is read. */
export interface ReadSecretOptions {
  /** The result of {@link scopeOf}. */
  readonly scope: string
  /** Whether to read past everything that is kept in memory. Default false. */
  readonly fresh?: boolean
  readonly signal: AbortSignal | undefined
}

/** The text by which the source narrows the secret to the call; empty when it does not narrow. */
export function scopeOf({ reference, source }: FoundCredential, authorization: Authorization): string {
  try {
    return source.scope?.(reference, authorization) ?? ''
  } catch (error) {
    if (error instanceof VaultError) throw error
    throw vaultFailure('ERR_VAULT_DOWNSCOPE', 'the source could not narrow the secret to the call', error)
  }
}

/**
 * Reads the secret of a credential, and checks that the source returned the one that was requested.
 *
 * @throws VaultError; the reason of the signal when it fires. A secret that arrives late or is refused is given back.
 */
export async function readSecret(
  found: FoundCredential,
  { scope, fresh = false, signal }: ReadSecretOptions,
  { clock, readTimeoutMs }: VaultContext,
): Promise<SecretReading> {
  signal?.throwIfAborted()
  const deadline = startDeadline([signal], readTimeoutMs)
  // A source that throws at once, in place of a promise, counts as one that fails.
  const work = (async () => found.source.read(found.reference, { scope, fresh, signal: deadline.signal }))()
  let waiting = true
  giveBackLate(work, () => !waiting)
  try {
    const reading = await unlessAborted(work, deadline.signal)
    try {
      return checkReading(found, reading, Math.floor(clock.now()))
    } catch (error) {
      if (Secret.is(reading?.secret)) {
        await unlessAborted(giveBack(reading as SecretReading), deadline.signal).catch(() => undefined)
      }
      throw error
    }
  } catch (error) {
    if (error instanceof VaultError) throw error
    signal?.throwIfAborted()
    if (deadline.signal.aborted) throw notInTime(readTimeoutMs)
    throw vaultFailure(
      'ERR_VAULT_UNAVAILABLE',
      `the credential ${quote(found.reference)} could not be read from its source`,
      error,
    )
  } finally {
    waiting = false
    deadline.end()
  }
}

/** The error of a store that did not answer in time. */
export function notInTime(milliseconds: number): VaultError {
  return new VaultError('ERR_VAULT_UNAVAILABLE', `the secret store timed out after ${milliseconds} ms`)
}

function checkReading(found: FoundCredential, reading: SecretReading | undefined, now: Timestamp): SecretReading {
  if (reading === undefined) {
    throw new VaultError(
      'ERR_VAULT_UNKNOWN_REFERENCE',
      'the store has no secret for this credential; store one, or correct its place in the configuration',
    )
  }
  if (!Secret.is(reading.secret)) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'the source returned a reading without a `Secret`')
  }
  // VLT-09
  if (reading.reference !== found.reference) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'the source returned a secret other than the requested one')
  }
  // VLT-10
  if (reading.expiresAt !== undefined && !(now < reading.expiresAt)) {
    throw new VaultError('ERR_VAULT_EXPIRED', 'the stored secret has expired; store a new one')
  }
  return reading
}
