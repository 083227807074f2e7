// node only: uses node:path
/**
 * A log in files, one record a line.
 *
 * @module
 */

import { join } from 'node:path'
import { ArgumentError, AuditError } from '../../../errors.ts'
import type { LockTiming } from '../../../support/file-lock/file-lock.ts'
import type { HeldLock } from '../../../support/file-lock/held-lock.ts'
import { type GroupSync, groupSync } from '../../../support/group-sync.ts'
import { keepSignal } from '../../../support/lazy-deadline.ts'
import {
  callback,
  maybe,
  nonEmptyString,
  numberFrom,
  oneOfStrings,
  readOptions,
  withDefault,
  withMethod,
} from '../../../support/options.ts'
import { isPromiseLike } from '../../../support/promise.ts'
import { quote } from '../../../support/quote.ts'
import { type Clock, systemClock } from '../../../time.ts'
import { setUp } from '../../configuration.ts'
import { draftEvent, type EventDraft } from '../../events/draft.ts'
import type { AuditEvent } from '../../events/event.ts'
import { beginning, type LogPosition } from '../../events/record.ts'
import { auditHistory, type LoggedEvent } from '../../history.ts'
import type { AuditSink, Confirmation } from '../../sink.ts'
import { type AppendOptions, groupCommit, type Written } from '../group-commit.ts'
import { fenceLog } from './fence-log.ts'
import { type LogFiles, machineFiles } from './log-files.ts'
import { lockLog } from './log-lock.ts'
import { hashing } from './log-position.ts'
import { assertHeld, type OpenLog, pathIn, segmentsOf } from './open-log.ts'
import { readBackwards } from './read-backwards.ts'
import { recoverLog } from './recover-log.ts'
import { retire, type Segment, syncSegment, syncSegmentNow } from './segment.ts'
import { writeBatch } from './write-batch.ts'

/** Options of {@link openJsonlAuditSink}. */
export interface JsonlAuditSinkOptions {
  /**
   * Where the files are; created if it does not exist. A log has one writer, which a lock in this directory enforces.
   */
  readonly directory: string
  /** The beginning of the file names: letters, digits, `.`, `_` and `-`. Default `audit`. */
  readonly prefix?: string
  /**
   * When a record is confirmed. Default `group`.
   *
   * - `group`: when it is on the disk. Records that arrive while the disk is busy share the next write and sync.
   * - `always`: when it is on the disk, by a sync of its own, which blocks the process.
   * - `none`: when the system has it. It survives the end of the process, but not a loss of power.
   */
  readonly sync?: 'group' | 'always' | 'none'
  /**
   * When an outcome is confirmed. Nothing waits for an outcome but the answer to the caller. Default `sync`.
   *
   * - `sync`: as every record.
   * - `written`: when the system has it. Its sync follows at once. A loss of power before the sync may lose it; a
   *   recovery then closes its call as unknown. Do not use it with receipts, which refer to the record.
   */
  readonly outcomes?: 'sync' | 'written'
  /** A new file is begun before one with several records becomes longer than this, in bytes. Default 64 MiB. */
  readonly maxBytes?: number
  /**
   * A new file is begun with the first event that is this many seconds after the first event of a file. Default a day.
   */
  readonly maxAge?: number
  /** The name in messages. Default the path without the number. */
  readonly name?: string
  /** Used for the events of repairs alone; other events contain their time. Default: the host's clock. */
  readonly clock?: Clock
  /**
   * Called once, with a message that names the other process, before this one waits for another writer. An error of it
   * is ignored. Default: the wait is silent.
   */
  readonly onWait?: (message: string) => void
  /** Default: the files of this machine. */
  readonly files?: LogFiles
}

/** A log in files, and its last record. */
export interface JsonlAuditSink extends AuditSink {
  /** The last record written. */
  position(): LogPosition
}

/**
 * Opens a log in files, or begins one. Each record is one line. Events that arrive in one turn of the event loop, or
 * while the disk is busy, are appended by one write. The chain continues from file to file and over restarts. AUD-11
 *
 * Opening reads the first line and the end of the last file. A record that was not written completely is cut off, and
 * one that lacks only its line feed is completed; a record of kind `recovered` reports the repair. After a failed write
 * or sync the log is repaired with the next event, as soon as the disk allows it.
 *
 * A killed writer is waited for until its lease has ended, at most 10 s, unless it has ended for certain. A running
 * writer is waited for 15 s, because it may be about to end. `onWait` reports the wait at once.
 *
 * @throws ArgumentError when an option is invalid; AuditError when the directory cannot be written, another process
 *   writes the log, its end is damaged, or other users may read it.
 *
 * @example
 * ```ts
 * import { openJsonlAuditSink } from 'procura/audit/jsonl'
 *
 * const sink = await openJsonlAuditSink({ directory: '/var/log/mail-service' })
 * ```
 */
export async function openJsonlAuditSink(options: JsonlAuditSinkOptions): Promise<JsonlAuditSink> {
  return (await openJsonlLog(options)).sink
}

/** An open log, and the lock that keeps other writers out. */
export interface LockedJsonlLog {
  readonly sink: JsonlAuditSink
  readonly lock: HeldLock
}

/**
 * Opens a log as {@link openJsonlAuditSink} does.
 *
 * @param timing - of the lock, for tests.
 */
export async function openJsonlLog(options: JsonlAuditSinkOptions, timing?: LockTiming): Promise<LockedJsonlLog> {
  const { directory, prefix, files, name, outcomes, onWait, ...policy } = readOptions('openJsonlAuditSink', options, {
    directory: nonEmptyString,
    prefix: withDefault(nonEmptyString, 'audit'),
    sync: withDefault(oneOfStrings('group', 'always', 'none'), 'group'),
    outcomes: withDefault(oneOfStrings('sync', 'written'), 'sync'),
    maxBytes: withDefault(numberFrom(4_096), 64 * 1024 * 1024),
    maxAge: withDefault(numberFrom(1), 86_400),
    name: maybe(nonEmptyString),
    clock: withDefault(withMethod('now'), systemClock),
    onWait: maybe(callback),
    files: withDefault(withMethod('write'), machineFiles),
  })
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(prefix)) {
    throw new ArgumentError('openJsonlAuditSink: `prefix` must be 1 to 64 letters, digits, `.`, `_` and `-`')
  }
  const unusable = `\`directory\` ${quote(directory, 256)} cannot be used; name a directory that this process may write`
  setUp(unusable, () => files.makeDirectory(directory))
  const lock = await lockLog(join(directory, `${prefix}.lock`), unusable, onWait, timing)
  const log: OpenLog = {
    ...policy,
    directory,
    prefix,
    files,
    lock,
    name: name ?? join(directory, prefix),
    last: beginning,
    segment: undefined,
    unsafe: undefined,
    broken: false,
    repairs: [],
  }
  /** Whether no earlier writer can write to the files. */
  let fenced = !lock.takenOver
  try {
    if (!fenced) {
      await fenceLog(log).catch((cause: unknown) => {
        setUp(unusable, () => {
          throw cause
        })
      })
      fenced = true
    }
    setUp(unusable, () => recoverLog(log))
  } catch (error) {
    letGo(log, fenced)
    throw error
  }
  return { sink: sinkOf(log, outcomes === 'written'), lock }
}

/** Most records of one write. */
const maxBatch = 256

/**
 * The sink of a log that was recovered.
 *
 * @param isEarly - whether outcomes are confirmed before their sync. AUD-41
 */
function sinkOf(log: OpenLog, isEarly: boolean): JsonlAuditSink {
  const { name, sync } = log
  const flush = groupSync(async () => {
    const segment = log.segment as Segment
    await syncSegment(log.files, segment)
    assertConfirmable(log, segment)
  })
  const batches = groupCommit({
    name,
    durability: sync === 'none' ? 'system' : 'disk',
    maxBatch: sync === 'always' ? 1 : maxBatch,
    write: (events, onWritten) => writeSafely(log, events, flush, isEarly ? onWritten : undefined),
    early: ({ event }) => (event.kind === 'outcome' ? 'system' : undefined),
    unwritten: (cause) => unwritten(log, cause),
  })
  let closing: Promise<void> | undefined

  async function append(event: AuditEvent, options: AppendOptions = {}): Promise<Confirmation> {
    const given = keepSignal(options)
    const read = draftEvent(event, hashing)
    const draft = isPromiseLike(read) ? await read : read
    if (closing !== undefined) throw closed(log)
    return batches.append(draft, given)
  }

  async function close(): Promise<void> {
    closing ??= batches.settled().then(() => closeLog(log))
    return closing
  }

  async function* newestFirst(): AsyncGenerator<readonly LoggedEvent[], void> {
    if (closing !== undefined) throw closed(log)
    yield* pagesOf(log, flush)
  }

  const history = auditHistory({ inherited: log.last.sequence, newestFirst })
  const position = (): LogPosition => ({ sequence: log.last.sequence, hash: log.last.hash })
  return Object.freeze({ name, append, close, history, position })
}

/** Writes a batch, and waits until it is as safe as the log is to be. */
async function writeSafely(
  log: OpenLog,
  events: readonly EventDraft[],
  flush: GroupSync,
  onWritten?: (results: Written) => void,
): Promise<Written> {
  const { results, segment } = writeBatch(log, events)
  if (segment === undefined) return results
  if (onWritten !== undefined) {
    assertConfirmable(log, segment)
    onWritten(results)
  }
  const { cuts } = segment.synced
  if (log.sync === 'group') await flush()
  else {
    if (log.sync === 'always') syncSegmentNow(log.files, segment)
    assertConfirmable(log, segment)
  }
  // The sync may have been of a file that was opened later, from which these records were cut off.
  if (segment.failed || segment.synced.cuts !== cuts) throw unwritten(log, undefined)
  return results
}

/** The records written before the call. They are synced first: a record that is cut off later is not among them. */
async function* pagesOf(log: OpenLog, flush: GroupSync): AsyncGenerator<readonly LoggedEvent[], void> {
  repair(log)
  const { sequence: reached } = log.last
  if (log.sync !== 'none' && log.segment !== undefined) await flush()
  for (const { file } of segmentsOf(log).toReversed()) {
    for await (const page of readBackwards(pathIn(log, file))) {
      yield page.filter(({ sequence }) => sequence <= reached)
    }
  }
}

/** After a failed write, the last record is not known before the end of the log is repaired. */
function repair(log: OpenLog): void {
  try {
    if (log.broken) recoverLog(log)
  } catch (cause) {
    if (cause instanceof AuditError) throw cause
    const message = `the end of the audit log ${quote(log.name, 256)} could not be repaired, so the log cannot be read`
    throw new AuditError('ERR_AUDIT_UNCONFIRMED', message, { cause })
  }
}

async function closeLog(log: OpenLog): Promise<void> {
  const { files, segment, sync } = log
  try {
    // A failed repair has closed its file. The system may have given its number to another file since.
    const isUsable = segment !== undefined && !segment.failed && !segment.retired
    if (isUsable && sync !== 'none') await syncSegment(files, segment)
  } finally {
    letGo(log, true)
  }
}

/** Closes the file and releases the lock, even if the file system reports a failed write when the file is closed. */
function letGo({ files, lock, segment }: OpenLog, settled: boolean): void {
  try {
    if (segment !== undefined) retire(files, segment)
  } finally {
    lock.release({ settled })
  }
}

/**
 * Checks, after a record was written and synced, that the next holder of the lock will find it: it will when it has not
 * taken the lock yet. AUD-39
 */
function assertConfirmable(log: OpenLog, segment: Segment): void {
  assertHeld(log)
  if (log.files.stateAt(segment.path)?.inode !== segment.inode) {
    throw new AuditError('ERR_AUDIT_INTEGRITY', `${quote(segment.path, 256)} was replaced by another program`)
  }
}

function unwritten({ name }: OpenLog, cause: unknown): AuditError {
  return new AuditError('ERR_AUDIT_UNCONFIRMED', `the audit log ${quote(name, 256)} did not take a record`, { cause })
}

function closed({ name }: OpenLog): AuditError {
  return new AuditError('ERR_AUDIT_CLOSED', `the audit log ${quote(name, 256)} is closed`)
}
