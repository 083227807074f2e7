import { type Clock, secondsOf, type Timestamp } from '../../time.ts'
import type { LogPosition } from '../events/record.ts'

/** How far a log was written and signed, and when the next checkpoint is due. */
export interface CheckpointSchedule {
  /** The last record that is known; undefined before the log is known. */
  latest(): LogPosition | undefined
  /** The record of the last checkpoint; undefined before the first one. */
  signed(): LogPosition | undefined
  /** Notes that a record exists. */
  reach(position: LogPosition | undefined): void
  /** Notes a checkpoint. */
  sign(position: LogPosition, time: Timestamp): void
  /** Notes that a checkpoint was due and could not be made. */
  fail(): void
  /** Records behind the last checkpoint. */
  unprotected(): number
  /** Whether a checkpoint must come before the next record. */
  isFull(): boolean
  /** Whether a checkpoint is due with the last record. A clock that was set back does not postpone it. */
  isDue(): boolean
}

/** Options of {@link createCheckpointSchedule}. */
export interface CheckpointScheduleOptions {
  readonly everyRecords: number
  readonly everySeconds: number
  readonly clock: Clock
}

/** Makes the schedule of a log of which nothing is known. */
export function createCheckpointSchedule(options: CheckpointScheduleOptions): CheckpointSchedule {
  const { everyRecords, everySeconds, clock } = options
  let latest: LogPosition | undefined
  let signed: LogPosition | undefined
  let signedAt: Timestamp = 0
  let overdue = false

  const unprotected = (): number => (latest?.sequence ?? 0) - (signed?.sequence ?? 0)
  const isFull = (): boolean => unprotected() > 0 && (overdue || signed === undefined || unprotected() >= everyRecords)

  return {
    latest: () => latest,
    signed: () => signed,
    reach(position) {
      if (position !== undefined && (latest === undefined || position.sequence > latest.sequence)) latest = position
    },
    sign(position, time) {
      overdue = false
      signed = position
      signedAt = time
    },
    fail() {
      overdue = true
    },
    unprotected,
    isFull,
    isDue() {
      const seconds = secondsOf(clock) - signedAt
      return isFull() || (unprotected() > 0 && (seconds >= everySeconds || seconds < 0))
    },
  }
}
