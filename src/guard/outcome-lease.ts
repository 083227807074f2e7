import type { Clock, Timestamp } from '../time.ts'

/** Seconds by which the clocks of two machines may differ. */
const skew = 60

/** For how long a guard may say how a call ended. */
export interface OutcomeLease {
  /** What the intent says: from then on nothing of the call is recorded by this guard, as any other clock sees it. */
  readonly outcomeBy: Timestamp
  /** Whether it has ended, by the clock of the guard or by the time that this process has measured. */
  isOver(): boolean
}

/**
 * Begins a lease. Two measures of time: the clock goes on while a process or machine is suspended, and the other is not
 * moved when the clock is set. GRD-18
 *
 * @param milliseconds - more than the call can take by its deadlines.
 */
export function startOutcomeLease(clock: Clock, milliseconds: number): OutcomeLease {
  const end = clock.now() + milliseconds / 1_000
  const began = performance.now()
  return {
    outcomeBy: Math.ceil(end) + skew,
    isOver: () => clock.now() >= end || performance.now() - began >= milliseconds,
  }
}
