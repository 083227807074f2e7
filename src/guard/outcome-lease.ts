import type { Clock, Timestamp } from '../time.ts'

/** Seconds by which the clocks of two machines may differ. */
const skew = 60

/** The time during which a guard may record the outcome of a call. */
export interface OutcomeLease {
  /** The time in the intent. After it, by any other clock, this guard records nothing about the call. */
  readonly outcomeBy: Timestamp
  /** Whether it has ended, by the clock of the guard or by the monotonic time of this process. */
  isOver(): boolean
}

/**
 * Begins a lease. It uses two measures of time: the clock continues while a process or machine is suspended, and the
 * monotonic time does not change when the clock is set. GRD-18
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
