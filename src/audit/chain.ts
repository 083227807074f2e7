import { backend as platform } from '#backend'
import { AuditError } from '../errors.ts'
import { createImmediateMutex } from '../support/immediate-mutex.ts'
import { abortedIn, keepSignal } from '../support/lazy-deadline.ts'
import { isPromiseLike } from '../support/promise.ts'
import { quote } from '../support/quote.ts'
import type { ChainedSinkOptions } from './configuration.ts'
import { draftEvent, type EventDraft, finishRecord, type RecordHashing, type RecordLine } from './events/draft.ts'
import type { AuditEvent } from './events/event.ts'
import { beginning, type LogPosition } from './events/record.ts'
import { createRooms } from './events/rooms.ts'
import {
  type AuditSink,
  type Confirmation,
  type Durability,
  type ImmediateAppend,
  immediately,
  unconfirmed,
} from './sink.ts'

/** Writes the records of a chain. */
export interface LineWriter {
  readonly name: string
  readonly durability: Durability
  /** Reads an event: `draftWithEvent` if `write` uses the whole event. Default `draftEvent`. */
  readonly draft?: typeof draftEvent
  /** Whether `write` does not use its options. */
  readonly ignoresOptions?: boolean
  /** Writes one record, as `RecordWriter` does. */
  write(record: RecordLine, draft: Pick<EventDraft, 'event'>, options: AppendOptions): void | Promise<void>
  close?(): void | Promise<void>
}

interface AppendOptions {
  readonly signal?: AbortSignal | undefined
}

/** Makes a sink that numbers and chains records, one at a time. A failed write does not advance the chain. */
export function createChain(writer: LineWriter, options: ChainedSinkOptions = {}): AuditSink {
  const { name, durability, draft = draftEvent } = writer
  const { position = beginning, sha256 } = options
  const hashing: RecordHashing = sha256 === undefined ? platform : { sha256 }
  const rooms = createRooms()
  let last: LogPosition = position
  let closed: Promise<void> | undefined
  /** Whether `close` of the writer was called. An event whose preparation ends later is refused. */
  let ended = false
  const inTurn = createImmediateMutex()

  function isClosed(): AuditError {
    return new AuditError('ERR_AUDIT_CLOSED', `the audit sink ${quote(name)} is closed`)
  }

  function appendNow(event: AuditEvent, options: AppendOptions): Confirmation | Promise<Confirmation> {
    if (closed !== undefined) throw isClosed()
    const given = keepSignal(options)
    const room = rooms.take()
    const read = draft(event, hashing, room)
    return isPromiseLike(read)
      ? read.then((drafted) => inTurn(() => finish(drafted, room, given)))
      : inTurn(() => finish(read, room, given))
  }

  function finish(drafted: EventDraft, room: Uint8Array, given: AppendOptions): Confirmation | Promise<Confirmation> {
    if (ended) throw isClosed()
    // The caller has given up and refused the call. A record of it now would contradict that.
    const aborted = abortedIn(given)
    if (aborted !== undefined) throw unconfirmed(name, aborted.reason)
    const finished = finishRecord(last, drafted, hashing)
    // The room is free now: its bytes were hashed, or copied for an asynchronous hash. After an earlier error it is
    // not used again.
    rooms.giveBack(room)
    return isPromiseLike(finished)
      ? (async () => write(await finished, drafted, given))()
      : write(finished, drafted, given)
  }

  function write(record: RecordLine, drafted: EventDraft, given: AppendOptions): Confirmation | Promise<Confirmation> {
    try {
      const written = writer.write(record, drafted, given)
      return isPromiseLike(written) ? writtenBy(name, written).then(() => confirm(record)) : confirm(record)
    } catch (cause) {
      throw unconfirmed(name, cause)
    }
  }

  function confirm({ sequence, hash }: RecordLine): Confirmation {
    last = { sequence, hash }
    return { sink: name, durability, sequence, hash }
  }

  const append = async (event: AuditEvent, options: AppendOptions = {}): Promise<Confirmation> =>
    appendNow(event, options)
  const second: ImmediateAppend = { of: append, append: appendNow, asksOnly: writer.ignoresOptions === true }

  return Object.freeze({
    name,
    append,
    [immediately]: second,
    position: () => ({ sequence: last.sequence, hash: last.hash }),
    close() {
      // Later, so that a writer that closes its sink is closed once.
      closed ??= Promise.resolve().then(() =>
        inTurn(async () => {
          ended = true
          await writer.close?.()
        }),
      )
      return closed
    },
  })
}

async function writtenBy(name: string, work: PromiseLike<void>): Promise<void> {
  try {
    await work
  } catch (cause) {
    throw unconfirmed(name, cause)
  }
}
