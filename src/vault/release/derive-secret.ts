import type { Command } from '../../capability/command.ts'
import { VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { startDeadline } from '../../support/deadline.ts'
import type { Clock } from '../../time.ts'
import type { DerivedSecret } from '../processor.ts'
import type { Secret } from '../secret.ts'
import type { SecretReading } from '../source.ts'
import type { FoundCredential } from './credential-directory.ts'
import { vaultFailure } from './failure.ts'
import type { CachedSecret } from './token-cache.ts'

/** A successor of a kept secret that is not stored yet: its predecessor does not work any more. */
export interface PendingSuccessor {
  readonly secret: Secret
  readonly expectedVersion: string
}

/** What {@link deriveSecret} needs of its surroundings. */
export interface DeriveSurroundings {
  readonly clock: Clock
  readonly fetch: typeof fetch
  /** Milliseconds in which a secret must be read, and one derived. */
  readonly timeoutMs: number
  /** Successors that could not be stored, by the name of the credential. */
  readonly pending: Map<string, PendingSuccessor>
}

/**
 * Derives a secret, alone among all who share the store, and under a deadline of its own: others may wait for the
 * result whose signals have not fired.
 *
 * @param read - reads the kept secret past every cache.
 */
export async function deriveSecret(
  found: FoundCredential,
  reading: SecretReading,
  command: Command,
  read: (signal: AbortSignal) => Promise<SecretReading>,
  surroundings: DeriveSurroundings,
): Promise<CachedSecret> {
  const { clock, fetch, pending } = surroundings
  const { reference, replace } = found
  const { processor } = found.credential
  const deadline = startDeadline([], surroundings.timeoutMs)
  const kept = reading.secret.copy()
  const versions = [reading.version]

  async function store(successor: PendingSuccessor): Promise<void> {
    pending.set(reference, successor)
    const version = await replace?.(successor.secret, successor.expectedVersion, deadline.signal)
    pending.delete(reference)
    successor.secret.dispose()
    if (version !== undefined) versions.push(version)
  }

  async function reread(): Promise<Secret> {
    let again = await read(deadline.signal)
    const waiting = pending.get(reference)
    if (waiting !== undefined && again.version === waiting.expectedVersion) {
      again.secret.dispose()
      await store(waiting)
      again = await read(deadline.signal)
    } else if (waiting !== undefined) {
      // It was stored and the answer was lost, or somebody has stored another one since: what is there is what counts.
      pending.delete(reference)
      waiting.secret.dispose()
    }
    versions.push(again.version)
    return again.secret
  }

  async function task(): Promise<DerivedSecret> {
    if (processor?.derive === undefined)
      throw new VaultError('ERR_VAULT_CONFIGURATION', 'the processor derives nothing')
    return processor.derive(kept, {
      clock,
      fetch,
      signal: deadline.signal,
      reference,
      command,
      reread,
      ...(replace !== undefined && {
        replace: (secret: Secret) => store({ secret, expectedVersion: versions.at(-1) ?? reading.version }),
      }),
    })
  }

  try {
    // A task that hangs must not keep the others out for ever; what it does later is stopped by the version it expects.
    const bounded = (): Promise<DerivedSecret> => unlessAborted(task, deadline.signal)
    const work = found.exclusively === undefined ? bounded() : found.exclusively(bounded)
    const derived = await unlessAborted(work, deadline.signal)
    return { ...derived, versions }
  } catch (error) {
    if (error instanceof VaultError) throw error
    const what = deadline.signal.aborted ? `did not end within ${surroundings.timeoutMs} ms` : 'failed'
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `the making of the secret that is sent ${what}`, error)
  } finally {
    deadline.clear()
    kept.dispose()
  }
}
