import type { LimitEntry } from '../../src/authorization/limits/limit-store.ts'
import type { SharedLimitStore } from '../../src/state/shared-stores.ts'
import type { Clock } from '../../src/time.ts'

/** A long time ago, by the clock of a service of that time. */
export const past: number = Math.floor(Date.now() / 1000) - 100_000
export const pastClock: Clock = { now: () => past }

/** So long ago that all cases of a conformance suite end before the present time. */
export const longAgo: number = past - 20 * 365 * 86_400

/** A limit of a delegation that expired soon after {@link past}, within a period that has not ended yet. */
export function rateOf(key: string): LimitEntry {
  return { key, kind: 'rate', maximum: 9_999, amount: 1, window: 1_000_000, expiration: past + 60 }
}

/**
 * Uses one limit often and others once, a long time ago, and a limit that has not expired. Returns the number of uses.
 */
export async function useLimits(store: SharedLimitStore, often: number, others: number): Promise<number> {
  const use = (entry: LimitEntry, serial: number) =>
    store.reserve({ reservation: `${entry.key} ${serial}`, entries: [entry], deadline: past + 60, commit: true }, {})
  await Promise.all([
    ...Array.from({ length: often }, (_, serial) => use(rateOf('often'), serial)),
    ...Array.from({ length: others }, (_, serial) => use(rateOf(`once ${serial}`), serial)),
    use({ ...rateOf('valid'), expiration: past + 1e6 }, 0),
  ])
  return often + others + 1
}
