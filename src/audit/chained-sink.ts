import { callback, maybe, nonEmptyString, oneOfStrings, readFields, readOptions } from '../support/options.ts'
import { createChain } from './chain.ts'
import { type ChainedSinkOptions, chainChecks } from './configuration.ts'
import { draftWithEvent } from './events/draft.ts'
import type { AuditRecord } from './events/record.ts'
import { type AuditSink, type Durability, durabilities } from './sink.ts'

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
  const given = readOptions('chainedSink', options, chainChecks)
  const { name, durability } = writer
  return createChain(
    {
      name,
      durability,
      draft: draftWithEvent,
      write: ({ sequence, previous, hash, line }, { event }, given) =>
        writer.write(Object.freeze({ sequence, previous, event, hash }), line, given),
      close: () => writer.close?.(),
    },
    given,
  )
}
