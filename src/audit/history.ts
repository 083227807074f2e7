import { createMutex } from '../support/mutex.ts'
import { callback, integerFrom, readOptions } from '../support/options.ts'
import type { AuditRecord } from './events/record.ts'
import type { AuditSink } from './sink.ts'

/** A record as it is read back: its number and its event. Nothing is said of hashes, which are for `verifyAuditLog`. */
export type LoggedEvent = Pick<AuditRecord, 'sequence' | 'event'>

/**
 * A log that can be read back from its end, so that intents without an outcome are found. Sinks that keep a log offer it;
 * make one for a sink of your own by {@link auditHistory}.
 */
export interface AuditHistory {
  /**
   * Number of the last record that was there when this process became the only writer of the log: an intent up to there
   * gets no outcome from another process any more. 0 for a log that several processes may write.
   */
  readonly inherited: number
  /**
   * Pages of records, the last record first. Every record that was appended before the call is there, and as safe as the
   * sink confirms; of those that are appended meanwhile some may be.
   *
   * @throws AuditError when the log cannot be read.
   */
  newestFirst(options: { readonly signal?: AbortSignal | undefined }): AsyncIterable<readonly LoggedEvent[]>
  /** Runs a task when every earlier one has ended: of two recoveries in one process the second reads what the first wrote. */
  inTurn<T>(task: () => Promise<T>): Promise<T>
}

/**
 * Makes the history of a sink out of a way to read its log.
 *
 * @throws ArgumentError when an option is missing or not of its type.
 */
export function auditHistory(options: Omit<AuditHistory, 'inTurn'>): AuditHistory {
  readOptions('auditHistory', options, { inherited: integerFrom(0), newestFirst: callback })
  const { inherited, newestFirst } = options
  return Object.freeze({ inherited, newestFirst, inTurn: createMutex() })
}

/** The history of a sink for one that stands around it. */
export function historyOf({ history }: Pick<AuditSink, 'history'>): { readonly history?: AuditHistory } {
  return history === undefined ? {} : { history }
}
