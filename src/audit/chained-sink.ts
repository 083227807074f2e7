import { backend as platform } from '#backend'
import { AuditError } from '../errors.ts'
import { createMutex } from '../support/mutex.ts'
import { callback, maybe, nonEmptyString, oneOfStrings, readFields, readOptions } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { chainChecks } from './configuration.ts'
import type { AuditEvent } from './events/event.ts'
import { prepareEvent } from './events/prepare-event.ts'
import {
  type AuditRecord,
  beginning,
  formatRecord,
  type LogPosition,
  makeRecord,
  type Sha256,
} from './events/record.ts'
import { type AuditSink, type Confirmation, type Durability, durabilities, unconfirmed } from './sink.ts'

/** What {@link chainedSink} needs of the place where records go. */
export interface RecordWriter {
  /** For messages. */
  readonly name: string
  /** How safe a record is once it is written. */
  readonly durability: Durability
  /**
   * Writes one record, whose line of text comes with it. Called for one record at a time. Resolves when it is written;
   * rejects when it is not.
   */
  write(record: AuditRecord, line: string, options: { readonly signal?: AbortSignal | undefined }): void | Promise<void>
  /** Called once, after the last write. */
  close?(): void | Promise<void>
}

/** Options of {@link chainedSink}. */
export interface ChainedSinkOptions {
  /** The record that the log goes on from; default its beginning. */
  readonly position?: LogPosition
  /** Default: the platform's. */
  readonly sha256?: Sha256
}

/**
 * Makes a sink out of something that can write records one after the other. A record that could not be written leaves
 * the chain where it was.
 */
export function chainedSink(writer: RecordWriter, options: ChainedSinkOptions = {}): AuditSink {
  readFields('audit sink', writer, {
    name: nonEmptyString,
    durability: oneOfStrings(...durabilities),
    write: callback,
    close: maybe(callback),
  })
  readOptions('audit sink', options, chainChecks)
  const { position = beginning, sha256 = platform.sha256 } = options
  let last = position
  let closed: Promise<void> | undefined
  /** Whether the writer was told to close: what is prepared only then comes too late. */
  let ended = false
  const inTurn = createMutex()

  function isClosed(): AuditError {
    return new AuditError('ERR_AUDIT_CLOSED', `the audit sink ${quote(writer.name)} is closed`)
  }

  async function append(
    event: AuditEvent,
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): Promise<Confirmation> {
    if (closed !== undefined) throw isClosed()
    const prepared = await prepareEvent(event, sha256)
    return inTurn(async () => {
      if (ended) throw isClosed()
      // Nobody waits any more, and the call was refused: a record of it now would say otherwise.
      if (signal?.aborted) throw unconfirmed(writer.name, signal.reason)
      const record = await makeRecord(last, prepared, sha256)
      const line = formatRecord(record)
      try {
        await writer.write(record, line, { signal })
      } catch (cause) {
        throw unconfirmed(writer.name, cause)
      }
      last = record
      const { sequence, hash } = record
      return { sink: writer.name, durability: writer.durability, sequence, hash }
    })
  }

  return Object.freeze({
    name: writer.name,
    append,
    position: () => ({ sequence: last.sequence, hash: last.hash }),
    close() {
      closed ??= inTurn(async () => {
        ended = true
        await writer.close?.()
      })
      return closed
    },
  })
}
