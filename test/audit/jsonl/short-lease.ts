import type { LockTiming } from '../../../src/support/file-lock/file-lock.ts'

/** The timing of a lock with a shorter lease than usual, so that tests wait less. */
export function shortLease(leaseMs: number): LockTiming {
  return { renewMs: leaseMs / 10, leaseMs, pollMs: 5 }
}
