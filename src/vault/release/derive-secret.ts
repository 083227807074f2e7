import type { Command } from '../../core/capability/command.ts'
import { VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { startDeadline } from '../../support/deadline.ts'
import { vaultFailure } from '../../support/vault-failure.ts'
import type { DerivedSecret, Processor } from '../processor.ts'
import type { Secret } from '../secret.ts'
import type { SecretReading } from '../source.ts'
import { type FoundCredential, inTurn, type PendingSuccessor, type VaultContext } from './context.ts'
import { readSecret } from './read-secret.ts'
import type { CachedSecret } from './token-cache.ts'

/** The call for which a secret is derived. */
export interface DeriveRequest {
  /** The method of the processor. */
  readonly derive: NonNullable<Processor['derive']>
  readonly command: Command
  /** The scope for reading the kept secret again. */
  readonly scope: string
}

/**
 * Derives the secret that is sent from the kept secret, such as an access token from a refresh token. The processor
 * runs in turn among all that share the store. It may read the kept secret again, and replace it by a successor.
 *
 * The derivation has its own deadline and no caller's signal, because several callers may wait for the result.
 *
 * @throws VaultError; `ERR_VAULT_UNAVAILABLE` when the processor fails or does not end in time.
 */
export async function deriveSecret(
  found: FoundCredential,
  reading: SecretReading,
  { derive, command, scope }: DeriveRequest,
  context: VaultContext,
): Promise<CachedSecret> {
  const { clock, fetch, readTimeoutMs } = context
  const { reference } = found
  const deadline = startDeadline([], readTimeoutMs)
  const { signal } = deadline
  const present = reading.secret.copy()
  const { versions, reread, replace } = createKeptSecret(found, reading.version, { scope, signal }, context)
  const task = (): Promise<DerivedSecret> =>
    derive(present, { clock, fetch, signal, reference, command, reread, ...(replace !== undefined && { replace }) })
  try {
    // A task that hangs must not exclude the others. If it stores a successor later, the version does not match.
    const work = inTurn(found, context, () => unlessAborted(task, signal))
    const derived = await unlessAborted(work, signal)
    return { ...derived, versions }
  } catch (error) {
    if (error instanceof VaultError) throw error
    const what = signal.aborted ? `did not end within ${readTimeoutMs} ms` : 'failed'
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `the processor that derives the secret ${what}`, error)
  } finally {
    deadline.clear()
    present.dispose()
  }
}

/** The kept secret during a derivation. */
interface KeptSecret {
  /** The versions that were read or stored, in order: the derived secret belongs to all of them. */
  readonly versions: readonly string[]
  /** Reads the store past every cache. */
  readonly reread: () => Promise<Secret>
  /** Stores a successor. Absent where the store cannot replace. */
  readonly replace?: (secret: Secret) => Promise<void>
}

function createKeptSecret(
  found: FoundCredential,
  version: string,
  { scope, signal }: { readonly scope: string; readonly signal: AbortSignal },
  context: VaultContext,
): KeptSecret {
  const { reference, source } = found
  const { pending } = context
  const versions = [version]

  const read = (): Promise<SecretReading> => readSecret(found, { scope, fresh: true, signal }, context)

  /** Stores a successor, which is pending until the store has it. */
  async function store(successor: PendingSuccessor): Promise<void> {
    const { secret, expectedVersion } = successor
    pending.set(reference, successor)
    versions.push((await source.replace?.(reference, { secret, expectedVersion, signal })) ?? expectedVersion)
    pending.delete(reference)
    secret.dispose()
  }

  async function reread(): Promise<Secret> {
    let reading = await read()
    const successor = pending.get(reference)
    if (successor !== undefined && reading.version === successor.expectedVersion) {
      // An earlier derivation could not store it.
      reading.secret.dispose()
      await store(successor)
      reading = await read()
    } else if (successor !== undefined) {
      // Either it was stored and the response was lost, or another process has stored its own: use the stored one.
      pending.delete(reference)
      successor.secret.dispose()
    }
    versions.push(reading.version)
    return reading.secret
  }

  const replace = (secret: Secret): Promise<void> => store({ secret, expectedVersion: versions.at(-1) ?? version })
  return { versions, reread, ...(source.replace !== undefined && { replace }) }
}
