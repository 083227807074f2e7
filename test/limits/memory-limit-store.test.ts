import { describe, expect, it } from 'vitest'
import { memoryLimitStore } from '../../src/authorization/limits/memory-limit-store.ts'

const start = 1_800_000_000

/** Makes calls, one a second, each with limits of its own that expire a second later. Returns the largest size of the store. */
function largestSize(calls: number, limits: number, commit: boolean): number {
  let now = start
  const store = memoryLimitStore({ clock: { now: () => now } })
  let largest = 0
  for (let call = 0; call < calls; call++, now++) {
    const entries = Array.from({ length: limits }, (_, index) => ({
      key: `${call} ${index}`,
      kind: 'total' as const,
      maximum: 1,
      amount: 1,
      expiration: now + 1,
    }))
    expect(store.reserve({ reservation: `${call}`, entries, deadline: now + 1, commit }, {})).toEqual({
      reserved: true,
    })
    largest = Math.max(largest, store.size)
  }
  return largest
}

describe('a limit store in memory', () => {
  /** Limits are kept for 300 seconds after their end. Those that expired and were not found yet are fewer than they. */
  const most = 302 * 2

  it.each([true, false])(
    'LMT-14 keeps no more than it needs when each call has a new limit (committed: %s)',
    (commit) => {
      expect(largestSize(3_000, 1, commit)).toBeLessThan(most)
    },
  )

  it.each([true, false])('LMT-14 keeps no more when each call has 32 new limits (committed: %s)', (commit) => {
    expect(largestSize(3_000, 32, commit)).toBeLessThan(32 * most)
  })
})
