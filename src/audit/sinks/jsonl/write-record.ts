// node only: uses node:fs, through LogFiles
/**
 * The writer of a log: one record behind the last one, in the file for it.
 *
 * @module
 */

import { AuditError } from '../../../errors.ts'
import type { IpldMap } from '../../../ipld/value.ts'
import { quote } from '../../../support/quote.ts'
import { type AuditRecord, formatRecord, makeRecord } from '../../events/record.ts'
import { sha256 } from './log-position.ts'
import { assertHeld, type OpenLog, pathIn } from './open-log.ts'
import { recoverLog } from './recover-log.ts'
import { assertUntouched, createSegment, retire, type Segment, syncSegmentNow } from './segment.ts'
import { segmentName } from './segment-name.ts'

/** A record that was written, and the file that contains it. */
export interface Written {
  readonly record: AuditRecord
  readonly segment: Segment
}

/**
 * Writes an event as the next record. Before it come recovery, when the last attempt left the state of the files
 * unknown, and the records of repairs.
 *
 * @param event - the result of `prepareEvent`.
 * @throws AuditError when the record was not written; errors of `log.files`. The log is then as before, or `broken`.
 */
export function writeRecord(log: OpenLog, event: IpldMap): Written {
  if (log.broken || log.segment?.failed) recoverLog(log)
  for (let repair = log.repairs[0]; repair !== undefined; repair = log.repairs[0]) {
    put(log, repair as unknown as IpldMap)
    log.repairs.shift()
  }
  return put(log, event)
}

function put(log: OpenLog, event: IpldMap): Written {
  const record = makeRecord(log.last, event, sha256)
  const line = new TextEncoder().encode(`${formatRecord(record)}\n`)
  const segment = segmentFor(log, record, line.length)
  // If the lock was lost before this line, nothing is written. If it is lost after it, the file is not in the log any
  // more.
  assertHeld(log)
  assertUntouched(log.files, segment)
  let written = 0
  try {
    written = log.files.write(segment.file, line)
  } catch (cause) {
    undo(log, segment)
    throw new AuditError('ERR_AUDIT_UNCONFIRMED', `${quote(segment.path, 256)} did not take a record`, { cause })
  }
  // AUD-12: a full disk takes a part and throws nothing.
  if (written !== line.length) {
    undo(log, segment)
    const message = `${quote(segment.path, 256)} took ${written} of ${line.length} bytes of a record; free disk space`
    throw new AuditError('ERR_AUDIT_SHORT_WRITE', message)
  }
  segment.size += written
  segment.began ??= record.event.time
  log.last = record
  return { record, segment }
}

/** Cuts off a part of a record. If that fails, recovery does it before the next record. */
function undo(log: OpenLog, segment: Segment): void {
  try {
    assertHeld(log)
    if (log.files.stateOf(segment.file).size > segment.size) log.files.truncate(segment.file, segment.size)
  } catch {
    log.broken = true
  }
}

/** The file for the next record: the present one, or a new one when that is long or old enough. AUD-13 */
function segmentFor(log: OpenLog, { sequence, event }: AuditRecord, length: number): Segment {
  const { files, segment: old, sync } = log
  const full = old !== undefined && old.size > 0 && old.size + length > log.maxBytes
  const aged = old?.began !== undefined && event.time - old.began >= log.maxAge
  if (old !== undefined && !full && !aged) return old
  if (old !== undefined && sync !== 'none') syncSegmentNow(files, old)
  try {
    const opened = createSegment(files, log.lock, pathIn(log, segmentName(log.prefix, sequence).file))
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
