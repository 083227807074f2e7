import type { LockTiming } from '../../../src/support/file-lock/file-lock.ts'

/** The timing of a lock whose lease is shorter than usual, so that tests need not wait as long. */
export function shortLease(leaseMs: number): LockTiming {
  return { renewMs: leaseMs / 10, leaseMs, pollMs: 5 }
}
