// node only: uses node:fs, through LogFiles
/**
 * The writer of a log: a batch of records behind the last one, in the file for it.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { AuditError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'
import type { Timestamp } from '../../../time.ts'
import type { EventDraft } from '../../events/draft.ts'
import type { LogPosition } from '../../events/record.ts'
import { makeRow } from '../make-row.ts'
import { hashing } from './log-position.ts'
import { assertHeld, type OpenLog, pathIn } from './open-log.ts'
import { recoverLog } from './recover-log.ts'
import { assertUntouched, createSegment, retire, type Segment, syncSegmentNow } from './segment.ts'
import { segmentName } from './segment-name.ts'

/** The results of the first events of a batch. */
export interface WrittenBatch {
  /** For each of them its record, or its error. */
  readonly results: readonly (LogPosition | AuditError)[]
  /** The file that contains the records; undefined if there are none. */
  readonly segment: Segment | undefined
}

/**
 * Writes events as the next records, by one write. Before them come recovery, when the last attempt left the state of
 * the files unknown, and the records of repairs. The batch ends before an event that begins a new file.
 *
 * @throws AuditError when no event was written; errors of `log.files`. The log is then as before, or `broken`.
 */
export function writeBatch(log: OpenLog, events: readonly EventDraft[]): WrittenBatch {
  if (log.broken || log.segment?.failed) recoverLog(log)
  for (let repair = log.repairs[0]; repair !== undefined; repair = log.repairs[0]) {
    put(log, [{ event: repair, written: undefined }])
    log.repairs.shift()
  }
  return put(log, events)
}

function put(log: OpenLog, events: readonly EventDraft[]): WrittenBatch {
  const results: (LogPosition | AuditError)[] = []
  let { last } = log
  let segment: Segment | undefined
  let began: Timestamp | undefined
  let text = ''
  for (const draft of events) {
    const row = makeRow(last, draft, hashing)
    if (!(row instanceof AuditError)) {
      // A line is printable ASCII.
      const line = `${row.line}\n`
      const { sequence, hash } = row
      const { time } = draft.event
      if (segment === undefined) {
        segment = segmentFor(log, { sequence, time, length: line.length })
        began = segment.began ?? time
      } else if (isOver(log, { size: segment.size + text.length, began }, { time, length: line.length })) break
      text += line
      last = { sequence, hash }
    }
    results.push(row)
  }
  if (segment === undefined) return { results, segment }
  append(log, segment, Buffer.from(text, 'latin1'))
  segment.began ??= began
  log.last = last
  return { results, segment }
}

/** Appends lines to a file, all or none. */
function append(log: OpenLog, segment: Segment, lines: Uint8Array): void {
  // If the lock was lost before this line, nothing is written. If it is lost after it, the file is not in the log any
  // more.
  assertHeld(log)
  assertUntouched(log.files, segment)
  let written = 0
  try {
    written = log.files.write(segment.file, lines)
  } catch (cause) {
    undo(log, segment)
    throw new AuditError('ERR_AUDIT_UNCONFIRMED', `${quote(segment.path, 256)} did not take a record`, { cause })
  }
  // AUD-12: a full disk takes a part and throws nothing.
  if (written !== lines.length) {
    undo(log, segment)
    const message = `${quote(segment.path, 256)} took ${written} of ${lines.length} bytes of a record; free disk space`
    throw new AuditError('ERR_AUDIT_SHORT_WRITE', message)
  }
  segment.size += written
}

/** Cuts off the bytes that a failed write left. If that fails, recovery does it before the next record. */
function undo(log: OpenLog, segment: Segment): void {
  try {
    assertHeld(log)
    if (log.files.stateOf(segment.file).size > segment.size) log.files.truncate(segment.file, segment.size)
  } catch {
    log.broken = true
  }
}

/** A line that is not in a file yet. */
interface NewLine {
  readonly time: Timestamp
  readonly length: number
}

/** Whether a file is long or old enough for the line to begin a new one. AUD-13 */
function isOver(
  { maxBytes, maxAge }: OpenLog,
  { size, began }: Pick<Segment, 'size' | 'began'>,
  { time, length }: NewLine,
): boolean {
  return (size > 0 && size + length > maxBytes) || (began !== undefined && time - began >= maxAge)
}

/** The file for the next record: the present one, or a new one. */
function segmentFor(log: OpenLog, line: NewLine & { readonly sequence: number }): Segment {
  const { files, segment: old, sync } = log
  if (old !== undefined && !isOver(log, old, line)) return old
  if (old !== undefined && sync !== 'none') syncSegmentNow(files, old)
  try {
    const opened = createSegment(files, log.lock, pathIn(log, segmentName(log.prefix, line.sequence).file))
    if (old !== undefined) retire(files, old)
    log.segment = opened
    if (sync !== 'none') files.syncDirectory(log.directory)
    return opened
  } catch (cause) {
    // The new file may exist or not: recovery finds out before the next record.
    log.broken = true
    assertHeld(log)
    throw new AuditError('ERR_AUDIT_UNCONFIRMED', `a new file of the log ${quote(log.name, 256)} cannot be made`, {
      cause,
    })
  }
}
