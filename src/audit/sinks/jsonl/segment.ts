// node only: uses node:fs
import { rmSync } from 'node:fs'
import { AuditError } from '../../../errors.ts'
import type { HeldLock } from '../../../support/file-lock/held-lock.ts'
import { quote } from '../../../support/quote.ts'
import type { Timestamp } from '../../../time.ts'
import { maxLineLength, parseRecord } from '../../events/record.ts'
import { assertPrivate } from './assert-private.ts'
import type { LogFiles } from './log-files.ts'

/**
 * The part of a file that is on the disk. Openings of a file share it: a sync of one may end after the next opening.
 */
export interface SyncedPart {
  /** Length of the part that is on the disk for certain. */
  safe: number
  /** How many times complete records were cut off, after failed syncs. */
  cuts: number
}

/** A file of the log that is open for appending. */
export interface Segment {
  readonly file: number
  readonly path: string
  readonly inode: number
  /** Length of the complete records: the length of the file, unless another program changed it. */
  size: number
  synced: SyncedPart
  /** Time of its first event; undefined while it has none. */
  began: Timestamp | undefined
  /** Number of syncs in progress. */
  syncs: number
  /** Whether a sync has failed: the part beyond `synced.safe` can never be known to be on the disk. */
  failed: boolean
  /** Whether the log does not use it any more. */
  retired: boolean
}

/**
 * Opens a file of the log.
 *
 * @throws AuditError when it belongs to another user, or others may read or write it.
 */
export function openSegment(files: LogFiles, path: string, options: { readonly create: boolean }): Segment {
  const file = files.open(path, options)
  try {
    const state = files.stateOf(file)
    assertPrivate(path, state)
    const { size, inode } = state
    const began = size === 0 ? undefined : firstTime(files, file, path)
    return { file, path, inode, size, synced: { safe: size, cuts: 0 }, began, syncs: 0, failed: false, retired: false }
  } catch (error) {
    files.close(file)
    throw error
  }
}

/**
 * Creates a file of the log as a draft, and publishes it under the lock. So a writer that has lost the lock creates no
 * file. Its number would not fit the log, because the next writer does not know its last record.
 *
 * @throws AuditError as {@link openSegment} does; an error when the lock was lost, or the file exists.
 */
export function createSegment(files: LogFiles, lock: HeldLock, path: string): Segment {
  const draft = lock.draft()
  let made: Segment | undefined
  try {
    made = openSegment(files, draft, { create: true })
    if (files.stateAt(path) !== undefined) throw new Error('the file exists already')
    if (!lock.publish(draft, path)) throw new Error('another process took the lock')
    return { ...made, path }
  } catch (error) {
    if (made !== undefined) files.close(made.file)
    rmSync(draft, { force: true })
    throw error
  }
}

/**
 * Checks that the file is the opened one, has the length of the written records, and is private. AUD-17
 *
 * @throws AuditError when it was removed, replaced, cut, made longer, opened to others or given to another user.
 */
export function assertUntouched(files: LogFiles, segment: Pick<Segment, 'inode' | 'path' | 'size'>): void {
  const found = files.stateAt(segment.path)
  if (found !== undefined && found.inode === segment.inode && found.size === segment.size) {
    assertPrivate(segment.path, found)
    return
  }
  const what = found === undefined ? 'was removed' : found.inode !== segment.inode ? 'was replaced' : 'was changed'
  throw new AuditError(
    'ERR_AUDIT_INTEGRITY',
    `${quote(segment.path, 256)} ${what} by another program; verify the log, and open it again`,
  )
}

/**
 * Closes the file as soon as no sync needs it. A second call does nothing, because the system may have given its number
 * to another file.
 */
export function retire(files: LogFiles, segment: Segment): void {
  if (segment.retired) return
  segment.retired = true
  closeIfIdle(files, segment)
}

/** Waits until the content of the file is on the disk. */
export async function syncSegment(files: LogFiles, segment: Segment): Promise<void> {
  // After a failed repair, the file may be closed, and the system may have given its number to another file.
  if (segment.failed || segment.retired) throw notSafe(segment)
  const { size, synced } = segment
  const { cuts } = synced
  segment.syncs++
  try {
    await files.sync(segment.file)
    if (segment.failed || synced.cuts !== cuts) throw notSafe(segment)
    synced.safe = Math.max(synced.safe, size)
  } catch (cause) {
    segment.failed = true
    throw cause instanceof AuditError ? cause : notSafe(segment, cause)
  } finally {
    segment.syncs--
    closeIfIdle(files, segment)
  }
}

/** The same, blocking the process. */
export function syncSegmentNow(files: LogFiles, segment: Segment): void {
  if (segment.failed) throw notSafe(segment)
  try {
    files.syncNow(segment.file)
  } catch (cause) {
    segment.failed = true
    throw notSafe(segment, cause)
  }
  segment.synced.safe = segment.size
}

function closeIfIdle(files: LogFiles, segment: Segment): void {
  if (segment.retired && segment.syncs === 0) files.close(segment.file)
}

function notSafe({ path }: Segment, cause?: unknown): AuditError {
  return new AuditError('ERR_AUDIT_UNCONFIRMED', `the disk did not take ${quote(path, 256)}`, { cause })
}

/** Time of the first event of the file; undefined while its first line is incomplete. */
function firstTime(files: LogFiles, file: number, path: string): Timestamp | undefined {
  const bytes = files.read(file, 0, maxLineLength + 1)
  const end = bytes.indexOf(0x0a)
  if (end < 0) return undefined
  try {
    return parseRecord(new TextDecoder().decode(bytes.subarray(0, end))).event.time
  } catch (cause) {
    throw new AuditError(
      'ERR_AUDIT_INTEGRITY',
      `line 1 of ${quote(path, 256)} is not an audit record; verify the log, and restore the file from a copy`,
      { cause },
    )
  }
}
