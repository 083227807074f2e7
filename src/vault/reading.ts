import type { SecretReading } from './source.ts'

/** Ends a reading that nobody uses: overwrites it, and ends it at its origin if it can be. Never rejects. */
export async function giveBack(reading: SecretReading): Promise<void> {
  reading.secret.dispose()
  await reading.revoke?.({}).catch(() => undefined)
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
  // how the work ended is for those who wait for it
  settle().catch(() => undefined)
}

/** A reading whose secret belongs to the caller, from one that others have too. */
export function shareReading(reading: SecretReading | undefined): SecretReading | undefined {
  return reading === undefined ? undefined : { ...reading, secret: reading.secret.copy() }
}
