// node only: uses node:path
/**
 * The state of a log that is open for writing. Recovery (`recover-log.ts`) derives it from the files; the writer
 * (`write-record.ts`) moves it on; the sink confirms by it.
 *
 * @module
 */

import { join } from 'node:path'
import { AuditError } from '../../../errors.ts'
import type { HeldLock } from '../../../support/file-lock/held-lock.ts'
import { quote } from '../../../support/quote.ts'
import type { Clock } from '../../../time.ts'
import type { RecoveredEvent } from '../../events/event.ts'
import type { LogPosition } from '../../events/record.ts'
import type { LogFiles } from './log-files.ts'
import type { Segment } from './segment.ts'
import { type SegmentName, segmentsAmong } from './segment-name.ts'

/** When a record counts as written; see `JsonlAuditSinkOptions.sync`. */
export type SyncPolicy = 'group' | 'always' | 'none'

/** Settings of an open log. */
export interface LogSettings {
  readonly directory: string
  readonly prefix: string
  readonly name: string
  readonly sync: SyncPolicy
  readonly maxBytes: number
  readonly maxAge: number
  readonly clock: Clock
  readonly files: LogFiles
  readonly lock: HeldLock
}

/** A log that is open for writing. */
export interface OpenLog extends LogSettings {
  /** The last record written. */
  last: LogPosition
  /** The file that records are appended to; undefined while the log has none. */
  segment: Segment | undefined
  /** A file of which a sync failed, until recovery has cut it at its last safe byte. */
  unsafe: Segment | undefined
  /** Whether the files may differ from this state. Then recovery comes before the next record. */
  broken: boolean
  /** Repairs without a record, oldest first. A repair stays here until its record is written. */
  readonly repairs: RecoveredEvent[]
}

/** The names of the files of a log, oldest first. */
export function segmentsOf({ files, directory, prefix }: LogSettings): readonly SegmentName[] {
  return segmentsAmong(files.list(directory), prefix)
}

/** The path of a file of a log. */
export function pathIn({ directory }: LogSettings, file: string): string {
  return join(directory, file)
}

/**
 * Checks that no other process has taken the lock.
 *
 * @throws AuditError `ERR_AUDIT_INTEGRITY` when the lock was lost.
 */
export function assertHeld({ lock, name }: Pick<LogSettings, 'lock' | 'name'>): void {
  if (lock.isHeld()) return
  throw new AuditError(
    'ERR_AUDIT_INTEGRITY',
    `the log ${quote(name, 256)} has another writer: its lock was removed, or taken while this process was suspended; restart this process`,
  )
}
