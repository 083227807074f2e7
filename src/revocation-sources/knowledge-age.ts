import { StoreError } from '../errors.ts'
import type { Clock, Timestamp } from '../time.ts'

/** Measures how long ago a copy was complete. */
export interface KnowledgeAge {
  /**
   * Notes that the copy is complete as of a time of the source. A time that is not later than the last one changes
   * nothing: while the clock of the source is ahead, a repeated page would otherwise look new.
   *
   * @param leastSeconds - the age at the arrival, at least. Default 0.
   */
  note(completeAt: Timestamp, leastSeconds?: number): void
  /**
   * Returns the age in seconds, infinite before the first note.
   *
   * @throws StoreError when the clock returns no time.
   */
  seconds(): number
}

interface Note {
  /** By the clock of the source. */
  readonly completeAt: Timestamp
  /** Seconds between that and the arrival. */
  readonly transit: number
  /** By a clock that only goes forward, in milliseconds. */
  readonly arrivedMs: number
}

/**
 * Makes a measure that no clock can make smaller than the true age since the arrival. RVK-21
 *
 * The age is the larger one of two: by the wall clock since the time of the source, and by a clock that only goes
 * forward since the arrival. If the wall clock goes back, or the source is ahead, the second one counts. If this
 * machine was suspended, the first one does.
 */
export function knowledgeAge(clock: Clock, monotonicMs: () => number): KnowledgeAge {
  let last: Note | undefined

  function now(): Timestamp {
    const time = clock.now()
    if (!Number.isFinite(time)) throw new StoreError('`clock.now()` returned no time')
    return time
  }

  function ageOf({ completeAt, transit, arrivedMs }: Note, time: Timestamp): number {
    return Math.max(time - completeAt, transit + (monotonicMs() - arrivedMs) / 1_000)
  }

  return {
    note(completeAt, leastSeconds = 0) {
      const time = now()
      if (last !== undefined && completeAt <= last.completeAt) return
      const next = { completeAt, transit: Math.max(leastSeconds, time - completeAt), arrivedMs: monotonicMs() }
      if (last === undefined || ageOf(next, time) <= ageOf(last, time)) last = next
    },
    seconds: () => (last === undefined ? Number.POSITIVE_INFINITY : Math.max(0, ageOf(last, now()))),
  }
}
