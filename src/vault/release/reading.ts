import { VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { startDeadline } from '../../support/deadline.ts'
import type { SecretReading } from '../source.ts'

/** Milliseconds in which an origin must have ended a secret that nobody uses. */
const giveBackMs = 10_000

/** Ends a reading that nobody uses: overwrites it, and ends it at its origin if it can be. Never rejects. */
export async function giveBack(reading: SecretReading): Promise<void> {
  reading.secret.dispose()
  await endAtOrigin(reading.revoke, giveBackMs).catch(() => undefined)
}

/**
 * Ends a secret at its origin, if it is of that kind.
 *
 * @throws VaultError `ERR_VAULT_UNAVAILABLE` when the origin has not answered in time; what the origin throws.
 */
export async function endAtOrigin(revoke: SecretReading['revoke'], milliseconds: number): Promise<void> {
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
 * Gives a reading back that comes when nobody wants it any more.
 *
 * @param unwanted - asked when it has come.
 */
export function giveBackLate(work: Promise<SecretReading | undefined>, unwanted: () => boolean): void {
  const settle = async (): Promise<void> => {
    const late = await work
    if (late !== undefined && unwanted()) await giveBack(late)
  }
  // How the work ended is for those who wait for it.
  settle().catch(() => undefined)
}

/** A reading whose secret belongs to the caller, from one that others have too. */
export function shareReading(reading: SecretReading | undefined): SecretReading | undefined {
  return reading === undefined ? undefined : { ...reading, secret: reading.secret.copy() }
}
