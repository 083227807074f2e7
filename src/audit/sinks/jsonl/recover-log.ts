// node only: uses node:crypto and node:path
/**
 * Recovery: from the files of a log to its last record, and the repairs that an interrupted write makes necessary.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { secondsOf } from '../../../time.ts'
import { newEventId, type RecoveredEvent } from '../../events/event.ts'
import { beginning } from '../../events/record.ts'
import { completedBy, damaged, positionOf } from './log-position.ts'
import { assertHeld, type OpenLog, pathIn, segmentsOf } from './open-log.ts'
import { readTail } from './read-tail.ts'
import { openSegment, retire, type Segment, syncSegmentNow } from './segment.ts'
import type { SegmentName } from './segment-name.ts'

const lineFeed: Uint8Array = new Uint8Array([0x0a])

/**
 * Finds the last record in the files, repairs the end of the log, and opens the file for the next record. When it
 * throws, `log.broken` stays true and `log.last` as it was, and `log.segment`, `log.unsafe` and `log.repairs` contain
 * the state that the next attempt needs.
 *
 * @throws AuditError when the files are not those of one log, or are not private; errors of `log.files`.
 */
export function recoverLog(log: OpenLog): void {
  const { last } = log
  try {
    recover(log)
  } catch (error) {
    log.last = last
    throw error
  }
}

function recover(log: OpenLog): void {
  log.broken = true
  const before = log.segment
  if (before?.failed) log.unsafe = before
  if (before !== undefined) retire(log.files, before)
  const names = segmentsOf(log)
  const filled = names.findLastIndex(({ file }) => log.files.stateAt(pathIn(log, file))?.size !== 0)
  recoverFilled(log, names.slice(0, filled + 1), before)
  openEmpty(log, names)
  log.unsafe = undefined
  log.broken = false
}

/** Reads the last record, in the newest file that has one, and repairs the end of the newest file. */
function recoverFilled(log: OpenLog, names: readonly SegmentName[], before: Segment | undefined): void {
  log.segment = undefined
  log.last = beginning
  let torn: Uint8Array | undefined
  for (let i = names.length - 1; i >= 0; i--) {
    const { file, first } = names[i] as SegmentName
    const opened = openSegment(log.files, pathIn(log, file), { create: false })
    const newest = i === names.length - 1
    if (newest) log.segment = opened
    try {
      const earlier = [before, log.unsafe].find((segment) => segment?.path === opened.path)
      if (earlier !== undefined) opened.synced = earlier.synced
      opened.synced.safe = Math.min(opened.synced.safe, opened.size)
      if (newest && log.unsafe?.path === opened.path) cut(log, opened, log.unsafe.synced.safe, 'failed_sync')
      const tail = readTail(log.files, opened.file, file)
      if (tail.torn !== undefined && !newest) throw damaged(file)
      torn ??= tail.torn
      log.last = positionOf(tail, file)
      if (log.last.sequence === 0 && newest) continue
      if (log.last.sequence < first) throw damaged(file)
    } finally {
      if (!newest) log.files.close(opened.file)
    }
    break
  }
  const { segment } = log
  if (segment !== undefined && torn !== undefined) finish(log, segment, torn)
  const { first } = names.at(-1) ?? { first: 1 }
  if (segment?.size === 0 && first !== log.last.sequence + 1) throw damaged(segment.path)
}

/**
 * Opens the empty file behind the last record. Such files are made for the next record, or were left by an earlier
 * version after it lost the lock.
 */
function openEmpty(log: OpenLog, names: readonly SegmentName[]): void {
  for (const { file, first } of names) {
    if (first > log.last.sequence + 1) throw damaged(file)
    if (first <= log.last.sequence) continue
    const opened = openSegment(log.files, pathIn(log, file), { create: false })
    if (log.segment !== undefined) retire(log.files, log.segment)
    log.segment = opened
  }
}

/** Completes a last line that lacks nothing but its line feed, and cuts off any other. AUD-30 */
function finish(log: OpenLog, opened: Segment, torn: Uint8Array): void {
  const reached = completedBy(torn, log.last)
  if (reached === undefined) {
    cut(log, opened, opened.size - torn.length, 'torn_tail')
    return
  }
  assertHeld(log)
  if (log.files.write(opened.file, lineFeed) !== 1) throw new Error('a line feed was not written')
  opened.size += 1
  log.last = reached
  noteRepair(log, opened, 'completed_line', new Uint8Array())
}

function cut(log: OpenLog, opened: Segment, end: number, reason: RecoveredEvent['reason']): void {
  const { size } = log.files.stateOf(opened.file)
  if (size <= end) return
  const dropped = log.files.read(opened.file, end, size - end)
  assertHeld(log)
  log.files.truncate(opened.file, end)
  opened.size = end
  if (reason === 'failed_sync') opened.synced.cuts++
  noteRepair(log, opened, reason, dropped)
}

/** Queues the event of a repair, and waits until the repair itself is on the disk. */
function noteRepair(log: OpenLog, opened: Segment, reason: RecoveredEvent['reason'], dropped: Uint8Array): void {
  const droppedHash = createHash('sha256').update(dropped).digest('hex')
  const found = { segment: basename(opened.path), droppedBytes: dropped.length, droppedHash }
  log.repairs.push({ kind: 'recovered', id: newEventId(), time: secondsOf(log.clock), reason, ...found })
  if (log.sync !== 'none') syncSegmentNow(log.files, opened)
}
