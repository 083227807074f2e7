// node only: uses node:fs, through LogFiles
import { AuditError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'
import type { Timestamp } from '../../../time.ts'
import { maxLineLength, parseRecord } from '../../events/record.ts'
import { assertPrivate } from './assert-private.ts'
import type { LogFiles } from './log-files.ts'

/** A file of the log that is open for appending. */
export interface Segment {
  readonly file: number
  readonly path: string
  readonly inode: number
  /** Length of what was written whole: where the file ends, unless somebody else wrote or cut. */
  size: number
  /** Length of what is known to be on the disk. */
  safe: number
  /** When its first event happened; undefined while it has none. */
  began: Timestamp | undefined
  /** Syncs that run on it. */
  syncs: number
  /** Whether a sync has failed: what it holds beyond `safe` cannot be made safe any more. */
  failed: boolean
  /** Whether another one has taken its place. */
  retired: boolean
}

/**
 * Opens a file of the log.
 *
 * @throws AuditError when it belongs to somebody else, or others may read or write it.
 */
export function openSegment(files: LogFiles, path: string, options: { readonly create: boolean }): Segment {
  const file = files.open(path, options)
  try {
    const state = files.stateOf(file)
    assertPrivate(path, state)
    const { size, inode } = state
    const began = size === 0 ? undefined : firstTime(files, file)
    return { file, path, inode, size, safe: size, began, syncs: 0, failed: false, retired: false }
  } catch (error) {
    files.close(file)
    throw error
  }
}

/**
 * Asks whether the file is still the one that was opened, as long as what was written to it, and private. AUD-17
 *
 * @throws AuditError when it was removed, replaced, cut, made longer, opened to others or given to another user.
 */
export function assertUntouched(files: LogFiles, segment: Segment): void {
  const found = files.stateAt(segment.path)
  if (found !== undefined && found.inode === segment.inode && found.size === segment.size) {
    assertPrivate(segment.path, found)
    return
  }
  const what = found === undefined ? 'was removed' : found.inode !== segment.inode ? 'was replaced' : 'was changed'
  throw new AuditError('ERR_AUDIT_INTEGRITY', `${quote(segment.path, 256)} ${what} by somebody else`)
}

/** Closes the file as soon as no sync needs it. A second call does nothing: its number may be that of another file. */
export function retire(files: LogFiles, segment: Segment): void {
  if (segment.retired) return
  segment.retired = true
  closeIfIdle(files, segment)
}

/** Waits until what is in the file is on the disk. */
export async function syncSegment(files: LogFiles, segment: Segment): Promise<void> {
  if (segment.failed) throw notSafe(segment)
  const { size } = segment
  segment.syncs++
  try {
    await files.sync(segment.file)
    if (segment.failed) throw notSafe(segment)
    segment.safe = Math.max(segment.safe, size)
  } catch (cause) {
    segment.failed = true
    throw cause instanceof AuditError ? cause : notSafe(segment, cause)
  } finally {
    segment.syncs--
    closeIfIdle(files, segment)
  }
}

/** The same, while everything else waits. */
export function syncSegmentNow(files: LogFiles, segment: Segment): void {
  if (segment.failed) throw notSafe(segment)
  try {
    files.syncNow(segment.file)
  } catch (cause) {
    segment.failed = true
    throw notSafe(segment, cause)
  }
  segment.safe = segment.size
}

function closeIfIdle(files: LogFiles, segment: Segment): void {
  if (segment.retired && segment.syncs === 0) files.close(segment.file)
}

function notSafe({ path }: Segment, cause?: unknown): AuditError {
  return new AuditError('ERR_AUDIT_UNCONFIRMED', `the disk did not take ${quote(path, 256)}`, { cause })
}

/** When the first event of the file happened; undefined when its first line is not whole yet. */
function firstTime(files: LogFiles, file: number): Timestamp | undefined {
  const bytes = files.read(file, 0, maxLineLength + 1)
  const end = bytes.indexOf(0x0a)
  if (end < 0) return undefined
  try {
    return parseRecord(new TextDecoder().decode(bytes.subarray(0, end))).event.time
  } catch (cause) {
    throw new AuditError('ERR_AUDIT_INTEGRITY', 'the first line of an audit log is not a record', { cause })
  }
}
