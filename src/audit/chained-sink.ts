import { backend as platform } from '#backend'
import { AuditError } from '../errors.ts'
import { createMutex } from '../support/mutex.ts'
import { callback, maybe, nonEmptyString, oneOfStrings, readFields, readOptions } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { type ChainedSinkOptions, chainChecks } from './configuration.ts'
import type { AuditEvent } from './events/event.ts'
import { prepareEvent } from './events/prepare-event.ts'
import { type AuditRecord, beginning, formatRecord, makeRecord } from './events/record.ts'
import { type AuditSink, type Confirmation, type Durability, durabilities, unconfirmed } from './sink.ts'

/** Writes records for {@link chainedSink}. */
export interface RecordWriter {
  /** A non-empty name for messages. */
  readonly name: string
  /** How safe a record is once it is written. */
  readonly durability: Durability
  /**
   * Writes one record; `line` is its line of text. Called for one record at a time. It must not resolve before the
   * record is written, and must reject when it is not.
   */
  write(record: AuditRecord, line: string, options: { readonly signal?: AbortSignal | undefined }): void | Promise<void>
  /** Called once, after the last write. */
  close?(): void | Promise<void>
}

/**
 * Makes a sink of a writer of records: it numbers and chains them, one at a time. A failed write does not advance the
 * chain.
 *
 * @throws ArgumentError when `writer` or an option is invalid.
 * @example
 * ```ts
 * import { open } from 'node:fs/promises'
 * import { chainedSink } from 'procura/audit'
 *
 * const file = await open('audit.log', 'ax', 0o600)
 * const sink = chainedSink({
 *   name: 'file',
 *   durability: 'disk',
 *   write: async (_record, line) => {
 *     await file.appendFile(`${line}\n`)
 *     await file.datasync()
 *   },
 *   close: () => file.close(),
 * })
 * ```
 */
export function chainedSink(writer: RecordWriter, options: ChainedSinkOptions = {}): AuditSink {
  readFields('chainedSink: `writer`', writer, {
    name: nonEmptyString,
    durability: oneOfStrings(...durabilities),
    write: callback,
    close: maybe(callback),
  })
  const { position = beginning, sha256 = platform.sha256 } = readOptions('chainedSink', options, chainChecks)
  let last = position
  let closed: Promise<void> | undefined
  /** Whether `close` of the writer was called. An event whose preparation ends later is refused. */
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
      // The caller has given up and refused the call. A record of it now would contradict that.
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
