// node only: uses node:crypto and node:path
/**
 * A log in files, one record a line.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { basename, join } from 'node:path'
import { ArgumentError, AuditError } from '../../../errors.ts'
import type { IpldMap } from '../../../ipld/value.ts'
import type { LockTiming } from '../../../support/file-lock/file-lock.ts'
import type { HeldLock } from '../../../support/file-lock/held-lock.ts'
import { maybe, nonEmptyString, numberFrom, oneOfStrings, readOptions, withMethod } from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { type Clock, systemClock } from '../../../time.ts'
import { setUp } from '../../configuration.ts'
import { type AuditEvent, newEventId, type RecoveredEvent } from '../../events/event.ts'
import { prepareEvent } from '../../events/prepare-event.ts'
import { type AuditRecord, beginning, formatRecord, type LogPosition, makeRecord } from '../../events/record.ts'
import { auditHistory, type LoggedEvent } from '../../history.ts'
import type { AuditSink, Confirmation } from '../../sink.ts'
import { createSegment } from './create-segment.ts'
import { fenceSegment } from './fence-segment.ts'
import { groupSync } from './group-sync.ts'
import { type LogFiles, machineFiles } from './log-files.ts'
import { lockLog } from './log-lock.ts'
import { completedBy, damaged, positionOf, sha256 } from './log-position.ts'
import { assertUntouched, openSegment, retire, type Segment, syncSegment, syncSegmentNow } from './open-segment.ts'
import { readBackwards } from './read-backwards.ts'
import { readTail } from './read-tail.ts'
import { type SegmentName, segmentName, segmentsAmong } from './segment-name.ts'

const lineFeed: Uint8Array = new Uint8Array([0x0a])

/**
 * When a record is confirmed.
 *
 * - `group`: when it is on the disk; records that come while the disk is busy share the next sync.
 * - `always`: when it is on the disk, each by a sync of its own, while the process waits.
 * - `none`: when the system has it. It survives the end of the process, and not the loss of power.
 */
export type SyncPolicy = 'group' | 'always' | 'none'

/** Options of {@link openJsonlAuditSink}. */
export interface JsonlAuditSinkOptions {
  /** Where the files are; it is made when it does not exist. A log has one writer, which a lock in it sees to. */
  readonly directory: string
  /** What their names begin with: letters, digits, `.`, `_` and `-`. Default `audit`. */
  readonly prefix?: string
  /** Default `group`. */
  readonly sync?: SyncPolicy
  /** A new file is begun before one gets longer than this. Default 64 MiB. */
  readonly maxBytes?: number
  /** A new file is begun with the first event that is this many seconds after the first one of a file. Default a day. */
  readonly maxAge?: number
  /** For messages. Default the path without the number. */
  readonly name?: string
  /** Default: the host's clock. Used for repairs only; events bring their time. */
  readonly clock?: Clock
  /** Default: the files of this machine. */
  readonly files?: LogFiles
}

/** A log in files, and how far it is. */
export interface JsonlAuditSink extends AuditSink {
  /** The last record written. */
  position(): LogPosition
}

/**
 * Opens a log in files, or begins one. Each record is one line, appended by one write; the chain goes on from file to
 * file and over restarts. AUD-11
 *
 * Opening reads the end of the last file only. A record that was not written whole is cut off, and one that lacks its
 * line feed only is completed; a record of kind `recovered` says which. After a failed write or sync the log is mended
 * with the next event, as soon as the disk allows it.
 *
 * A writer that was killed is waited for until its lease has passed, 10 s at most, unless it is certain that it has ended;
 * one that lives is waited for 15 s, as it may be about to end.
 *
 * @throws AuditError when the directory cannot be written, another process writes the log, its end is damaged, or others
 *   may read it; ArgumentError for options that are none.
 */
export async function openJsonlAuditSink(options: JsonlAuditSinkOptions): Promise<JsonlAuditSink> {
  return (await openJsonlLog(options)).sink
}

/** A log that is open, and the lock that keeps others from it. */
export interface OpenJsonlLog {
  readonly sink: JsonlAuditSink
  readonly lock: HeldLock
}

/**
 * Opens a log as {@link openJsonlAuditSink} does, for sinks that keep more beside it under the same lock.
 *
 * @param timing - of the lock, for tests.
 */
export async function openJsonlLog(options: JsonlAuditSinkOptions, timing?: LockTiming): Promise<OpenJsonlLog> {
  readOptions('openJsonlAuditSink', options, {
    directory: nonEmptyString,
    prefix: maybe(nonEmptyString),
    sync: maybe(oneOfStrings('group', 'always', 'none')),
    maxBytes: maybe(numberFrom(4_096)),
    maxAge: maybe(numberFrom(1)),
    name: maybe(nonEmptyString),
    clock: maybe(withMethod('now')),
    files: maybe(withMethod('write')),
  })
  const { directory, prefix = 'audit', sync = 'group', maxBytes = 64 * 1024 * 1024, maxAge = 86_400 } = options
  const { clock = systemClock, files = machineFiles, name = join(directory, prefix) } = options
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(prefix))
    throw new ArgumentError('`prefix` has 1 to 64 letters, digits, `.`, `_`, `-`')

  const unusable = `\`directory\` ${quote(directory, 256)} cannot be used; name a folder that this process may write`
  setUp(unusable, () => files.makeDirectory(directory))
  const lock = await lockLog(join(directory, `${prefix}.lock`), unusable, timing)
  /** Whether no earlier writer can write to the files any more. */
  let fenced = !lock.takenOver
  const repairs: RecoveredEvent[] = []
  let last = beginning
  let segment: Segment | undefined
  /** A file of which a sync failed, until the log was opened again behind what is safe of it. */
  let unsafe: Segment | undefined
  let broken = false
  let closing: Promise<void> | undefined
  const flush = groupSync(async () => {
    const current = segment as Segment
    await syncSegment(files, current)
    assertConfirmable(current)
  })

  /** Finds out from the files how far the log is, and cuts off what was not written whole. */
  function open(): void {
    broken = true
    const before = segment
    if (before?.failed) unsafe = before
    if (before !== undefined) retire(files, before)
    openAmong(segmentsAmong(files.list(directory), prefix), before)
    unsafe = undefined
    broken = false
  }

  /** Keeps a writer that stood still, and lost the lock, from the files that it may be about to write. */
  async function fence(): Promise<void> {
    const names = segmentsAmong(files.list(directory), prefix)
    for (const { file } of names.toReversed()) {
      const path = join(directory, file)
      await fenceSegment(files, lock, path)
      // An empty file can be one that was about to be written, beside the one before it.
      if (files.stateAt(path)?.size !== 0) break
    }
    if (names.length > 0) files.syncDirectory(directory)
    fenced = true
  }

  function openAmong(names: readonly SegmentName[], before: Segment | undefined): void {
    const filled = names.findLastIndex(({ file }) => files.stateAt(join(directory, file))?.size !== 0)
    openFilled(names.slice(0, filled + 1), before)
    // Empty files: one that was made for the next record, and those that an earlier version left after it lost the lock.
    for (const { file, first } of names) {
      if (first > last.sequence + 1) throw damaged(file)
      if (first <= last.sequence) continue
      if (segment !== undefined) files.close((segment as Segment).file)
      segment = openSegment(files, join(directory, file), { create: false })
    }
  }

  function openFilled(names: readonly SegmentName[], before: Segment | undefined): void {
    segment = undefined
    last = beginning
    let torn: Uint8Array | undefined
    for (let i = names.length - 1; i >= 0; i--) {
      const { file, first } = names[i] as SegmentName
      const opened = openSegment(files, join(directory, file), { create: false })
      const newest = i === names.length - 1
      if (newest) segment = opened
      try {
        if (before?.path === opened.path) opened.safe = Math.min(before.safe, opened.size)
        if (newest && unsafe?.path === opened.path) cut(opened, unsafe.safe, 'failed_sync')
        const tail = readTail(files, opened.file, file)
        if (tail.torn !== undefined && !newest) throw damaged(file)
        torn ??= tail.torn
        last = positionOf(tail, file)
        if (last.sequence === 0 && newest) continue
        if (last.sequence < first) throw damaged(file)
      } finally {
        if (!newest) files.close(opened.file)
      }
      break
    }
    if (segment !== undefined && torn !== undefined) finish(segment, torn)
    const { first } = names.at(-1) ?? { first: 1 }
    if (segment?.size === 0 && first !== last.sequence + 1) throw damaged(segment.path)
  }

  /** Completes a last line that lacks its line feed only, and cuts off any other. AUD-30 */
  function finish(opened: Segment, torn: Uint8Array): void {
    const reached = completedBy(torn, last)
    if (reached === undefined) {
      cut(opened, opened.size - torn.length, 'torn_tail')
      return
    }
    assertHeld()
    if (files.write(opened.file, lineFeed) !== 1) throw new Error('a line feed was not written')
    opened.size += 1
    last = reached
    told(opened, 'completed_line', new Uint8Array())
    if (sync !== 'none') syncSegmentNow(files, opened)
  }

  function cut(opened: Segment, end: number, reason: RecoveredEvent['reason']): void {
    const { size } = files.stateOf(opened.file)
    if (size <= end) return
    const dropped = files.read(opened.file, end, size - end)
    assertHeld()
    files.truncate(opened.file, end)
    opened.size = end
    told(opened, reason, dropped)
    if (sync !== 'none') syncSegmentNow(files, opened)
  }

  function told(opened: Segment, reason: RecoveredEvent['reason'], dropped: Uint8Array): void {
    const droppedHash = createHash('sha256').update(dropped).digest('hex')
    const found = { segment: basename(opened.path), droppedBytes: dropped.length, droppedHash }
    repairs.push({ kind: 'recovered', id: newEventId(), time: Math.floor(clock.now()), reason, ...found })
  }

  /** Writes a record behind the last one. When it throws, the log is as it was. */
  function put(event: IpldMap): AuditRecord {
    const record = makeRecord(last, event, sha256)
    const line = new TextEncoder().encode(`${formatRecord(record)}\n`)
    const current = segmentFor(line.length, record)
    // When the lock was lost earlier, nothing is written; when it is lost from here on, the file is out of reach.
    assertHeld()
    assertUntouched(files, current)
    let written = 0
    try {
      written = files.write(current.file, line)
    } catch (cause) {
      undo(current)
      throw new AuditError('ERR_AUDIT_UNCONFIRMED', `${quote(current.path, 256)} did not take a record`, { cause })
    }
    // AUD-12: a disk that is full takes a part and does not throw.
    if (written !== line.length) {
      undo(current)
      const message = `${quote(current.path, 256)} took ${written} of ${line.length} bytes of a record`
      throw new AuditError('ERR_AUDIT_SHORT_WRITE', message)
    }
    current.size += written
    current.began ??= record.event.time
    last = record
    return record
  }

  function undo(current: Segment): void {
    try {
      assertHeld()
      if (files.stateOf(current.file).size > current.size) files.truncate(current.file, current.size)
    } catch {
      broken = true
    }
  }

  /** The file for the next record: the present one, or a new one when that is long or old enough. AUD-13 */
  function segmentFor(length: number, { sequence, event }: AuditRecord): Segment {
    const old = segment
    const full = old !== undefined && old.size > 0 && old.size + length > maxBytes
    const aged = old?.began !== undefined && event.time - old.began >= maxAge
    if (old !== undefined && !full && !aged) return old
    if (old !== undefined && sync !== 'none') syncSegmentNow(files, old)
    try {
      const opened = createSegment(files, lock, join(directory, segmentName(prefix, sequence).file))
      if (old !== undefined) retire(files, old)
      segment = opened
      if (sync !== 'none') files.syncDirectory(directory)
      return opened
    } catch (cause) {
      // The new file may be there or not: the next event finds out.
      broken = true
      assertHeld()
      throw new AuditError('ERR_AUDIT_UNCONFIRMED', `a new file of ${quote(name, 256)} cannot be made`, { cause })
    }
  }

  function mend(): void {
    if (broken || segment?.failed) open()
    for (let repair = repairs[0]; repair !== undefined; repair = repairs[0]) {
      put(repair as unknown as IpldMap)
      repairs.shift()
    }
  }

  async function append(
    event: AuditEvent,
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): Promise<Confirmation> {
    const prepared = await prepareEvent(event, sha256)
    if (closing !== undefined) throw new AuditError('ERR_AUDIT_CLOSED', `the audit log ${quote(name, 256)} is closed`)
    // Nobody waits any more, and the call was refused: a record of it now would say otherwise.
    if (signal?.aborted) throw unwritten(signal.reason)
    let record: AuditRecord
    let written: Segment
    try {
      mend()
      record = put(prepared)
      written = segment as Segment
      if (sync === 'always') syncSegmentNow(files, written)
    } catch (cause) {
      throw cause instanceof AuditError ? cause : unwritten(cause)
    }
    if (sync === 'group') await flush()
    else assertConfirmable(written)
    // The sync may have been one of a file that was opened since, with this record cut off.
    if (written.failed) throw unwritten(undefined)
    const { sequence, hash } = record
    return { sink: name, durability: sync === 'none' ? 'system' : 'disk', sequence, hash }
  }

  /** What was written when it is called, and is on the disk by then: a record that is cut off later is not among them. */
  async function* newestFirst(): AsyncGenerator<readonly LoggedEvent[], void> {
    if (closing !== undefined) throw new AuditError('ERR_AUDIT_CLOSED', `the audit log ${quote(name, 256)} is closed`)
    const { sequence: reached } = last
    if (sync !== 'none' && segment !== undefined) await flush()
    for (const { file } of segmentsAmong(files.list(directory), prefix).toReversed()) {
      for await (const page of readBackwards(join(directory, file))) {
        yield page.filter(({ sequence }) => sequence <= reached)
      }
    }
  }

  function assertHeld(): void {
    if (lock.isHeld()) return
    const message = `the log ${quote(name, 256)} has another writer: its lock was removed, or taken while this process stood still; restart this process`
    throw new AuditError('ERR_AUDIT_INTEGRITY', message)
  }

  /**
   * Asks, after a record was written and synced, whether the next holder of the lock finds it: it does when it has not
   * taken the lock yet. AUD-39
   */
  function assertConfirmable(written: Segment): void {
    assertHeld()
    if (files.stateAt(written.path)?.inode !== written.inode) {
      throw new AuditError('ERR_AUDIT_INTEGRITY', `${quote(written.path, 256)} was replaced by somebody else`)
    }
  }

  function unwritten(cause: unknown): AuditError {
    return new AuditError('ERR_AUDIT_UNCONFIRMED', `the audit log ${quote(name, 256)} did not take a record`, { cause })
  }

  async function close(): Promise<void> {
    closing ??= (async () => {
      try {
        if (segment !== undefined && sync !== 'none' && !segment.failed) await syncSegment(files, segment)
      } finally {
        if (segment !== undefined) retire(files, segment)
        lock.release({ settled: fenced })
      }
    })()
    return closing
  }

  try {
    if (!fenced) {
      await fence().catch((cause: unknown) => {
        setUp(unusable, () => {
          throw cause
        })
      })
    }
    setUp(unusable, open)
  } catch (error) {
    if (segment !== undefined) files.close((segment as Segment).file)
    lock.release({ settled: fenced })
    throw error
  }
  const inherited = last.sequence
  const sink = Object.freeze({
    name,
    append,
    close,
    history: auditHistory({ inherited, newestFirst }),
    position: () => ({ sequence: last.sequence, hash: last.hash }),
  })
  return { sink, lock }
}
