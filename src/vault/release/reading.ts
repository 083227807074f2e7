import { VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { startDeadline } from '../../support/deadline.ts'
import type { SecretReading } from '../source.ts'

/** Milliseconds within which a store must revoke a secret that is not used. */
const giveBackMs = 10_000

/** Gives back a reading that is not used: overwrites it, and revokes it if the store can do that. Never rejects. */
export async function giveBack(reading: SecretReading): Promise<void> {
  reading.secret.dispose()
  await revokeInStore(reading.revoke, giveBackMs).catch(() => undefined)
}

/**
 * Revokes a secret in its store, if the store can do that.
 *
 * @throws VaultError `ERR_VAULT_UNAVAILABLE` when the store does not respond in time; the error of the store.
 */
export async function revokeInStore(revoke: SecretReading['revoke'], milliseconds: number): Promise<void> {
  if (revoke === undefined) return
  const deadline = startDeadline([], milliseconds)
  const { signal } = deadline
  try {
    await unlessAborted(() => revoke({ signal }), signal)
  } catch (error) {
    if (!signal.aborted || error instanceof VaultError) throw error
    throw new VaultError('ERR_VAULT_UNAVAILABLE', `the store did not revoke the secret within ${milliseconds} ms`)
  } finally {
    deadline.clear()
  }
}

/**
 * Gives back a reading that arrives after its caller has left.
 *
 * @param unwanted - called when it has arrived.
 */
export function giveBackLate(work: Promise<SecretReading | undefined>, unwanted: () => boolean): void {
  const settle = async (): Promise<void> => {
    const late = await work
    if (late !== undefined && unwanted()) await giveBack(late)
  }
  // A failure of the work is reported to the callers that wait for it.
  settle().catch(() => undefined)
}

/** Copies a reading that several callers share, so that the caller owns its secret. */
export function shareReading(reading: SecretReading | undefined): SecretReading | undefined {
  return reading === undefined ? undefined : { ...reading, secret: reading.secret.copy() }
}
