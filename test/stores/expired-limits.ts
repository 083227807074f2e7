import { expect } from 'vitest'
import type { LimitEntry } from '../../src/core/authorization/limits/limit-store.ts'
import type { SharedLimitStore } from '../../src/stores/shared-stores.ts'
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

/**
 * Expects that the first call after a period in which many were made ends a bounded number of their amounts, while none
 * of them counts any more.
 *
 * @param countHolds - returns how many amounts the store has that count for a while.
 */
export async function expectFewEnded(
  open: (clock: Clock) => SharedLimitStore,
  countHolds: () => Promise<number>,
): Promise<void> {
  let now = past
  const store = open({ now: () => now })
  const rates = [1, 2, 3].map(
    (at): LimitEntry => ({ ...rateOf(`rate ${at}`), maximum: 800, window: 100, expiration: past + 1e6 }),
  )
  const call = (name: string) =>
    store.reserve({ reservation: name, entries: rates, deadline: now + 60, commit: true }, {})
  await Promise.all(Array.from({ length: 800 }, (_, serial) => call(`${serial}`)))
  now += 200
  const before = await countHolds()
  expect(before).toBe(3 * 800)
  expect(await call('next')).toEqual({ reserved: true })
  const ended = before + 3 - (await countHolds())
  expect(ended).toBeGreaterThan(3)
  expect(ended).toBeLessThanOrEqual(600)
  expect(await store.remaining(rates, {})).toEqual(rates.map(() => ({ remaining: 799 })))
}
