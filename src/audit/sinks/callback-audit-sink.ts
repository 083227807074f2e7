import { callback, nonEmptyString, oneOfStrings, readOptions, withDefault } from '../../support/options.ts'
import { chainedSink } from '../chained-sink.ts'
import { type ChainedSinkOptions, chainChecks } from '../configuration.ts'
import type { AuditRecord } from '../events/record.ts'
import { type AuditSink, type Durability, durabilities } from '../sink.ts'

/** Options of {@link callbackAuditSink}. */
export interface CallbackAuditSinkOptions extends ChainedSinkOptions {
  /**
   * Stores a record; `line` is its line of text. Called for one record at a time. It must not return or resolve before
   * the record is stored, and must throw or reject when it is not.
   */
  readonly write: (
    record: AuditRecord,
    line: string,
    options: { readonly signal?: AbortSignal | undefined },
  ) => void | Promise<void>
  /** How safe a record is when `write` has resolved. Default `process`. */
  readonly durability?: Durability
  /** The name in messages. Default `callback`. */
  readonly name?: string
}

/**
 * Makes a log whose records go to a function. A record that was not stored leaves no gap: the next one has its number.
 * Pass `position` to continue the log of an earlier process.
 *
 * @throws ArgumentError when an option is invalid.
 * @example
 * ```ts
 * import { callbackAuditSink } from 'procura/audit'
 *
 * const sink = callbackAuditSink({
 *   durability: 'remote',
 *   write: async (_record, line) => {
 *     const { ok } = await fetch('https://logs.example.com/audit', { method: 'POST', body: line })
 *     if (!ok) throw new Error('the record was not stored')
 *   },
 * })
 * ```
 */
export function callbackAuditSink(options: CallbackAuditSinkOptions): AuditSink {
  const { write, durability, name, ...chain } = readOptions('callbackAuditSink', options, {
    ...chainChecks,
    write: callback,
    durability: withDefault(oneOfStrings(...durabilities), 'process'),
    name: withDefault(nonEmptyString, 'callback'),
  })
  return chainedSink({ name, durability, write }, chain)
}
