import { callback, maybe, nonEmptyString, oneOfStrings, readOptions } from '../../support/options.ts'
import { type ChainedSinkOptions, chainedSink } from '../chained-sink.ts'
import { chainChecks } from '../configuration.ts'
import type { AuditRecord } from '../events/record.ts'
import { type AuditSink, type Durability, durabilities } from '../sink.ts'

/** Options of {@link callbackAuditSink}. */
export interface CallbackAuditSinkOptions extends ChainedSinkOptions {
  /**
   * Called with one record after the other, and its line of text. Returns or resolves when the record is stored; throws
   * or rejects when it is not; never resolves earlier.
   */
  readonly write: (
    record: AuditRecord,
    line: string,
    options: { readonly signal?: AbortSignal | undefined },
  ) => void | Promise<void>
  /** How safe a record is when `write` is done. Default `process`. */
  readonly durability?: Durability
  /** For messages. Default `callback`. */
  readonly name?: string
}

/**
 * A log whose records go to a function. A record that the function failed to store is not counted, and the next one gets
 * its number: give `position` to go on where an earlier process ended.
 */
export function callbackAuditSink(options: CallbackAuditSinkOptions): AuditSink {
  const given = readOptions('audit sink of a callback', options, {
    ...chainChecks,
    write: callback,
    durability: maybe(oneOfStrings(...durabilities)),
    name: maybe(nonEmptyString),
  })
  const { write, durability = 'process', name = 'callback', ...chain } = given
  return chainedSink({ name, durability, write }, chain)
}
