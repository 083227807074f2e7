// node only: uses node:fs
import { rmSync } from 'node:fs'
import type { HeldLock } from '../../../support/file-lock/held-lock.ts'
import type { LogFiles } from './log-files.ts'
import { openSegment, type Segment } from './open-segment.ts'

/**
 * Makes a file of the log, by the way of a draft: a writer that has lost the lock makes none, however late it is. It may
 * have a record behind which the next writer does not know of, and a file with that number would not fit the log.
 *
 * @throws AuditError as {@link openSegment} does; an error when the lock was lost, or a file of that name is there.
 */
export function createSegment(files: LogFiles, lock: HeldLock, path: string): Segment {
  const draft = lock.draft()
  let made: Segment | undefined
  try {
    made = openSegment(files, draft, { create: true })
    if (files.stateAt(path) !== undefined) throw new Error('it is there already')
    if (!lock.publish(draft, path)) throw new Error('another process took the lock')
    return { ...made, path }
  } catch (error) {
    if (made !== undefined) files.close(made.file)
    rmSync(draft, { force: true })
    throw error
  }
}
