import { createMutex } from '../support/mutex.ts'
import { callback, integerFrom, readOptions } from '../support/options.ts'
import type { AuditRecord } from './events/record.ts'

/** A record that was read back: its number and its event. Its hash is not verified; `verifyAuditLog` does that. */
export type LoggedEvent = Pick<AuditRecord, 'sequence' | 'event'>

/**
 * A log that can be read back from its end, to find intents without an outcome. Sinks that keep a log have it;
 * {@link auditHistory} makes one for a custom sink.
 */
export interface AuditHistory {
  /**
   * Number of the last record from before this process became the only writer of the log: no other process records an
   * outcome for an intent up to it. 0 for a log with several writers.
   */
  readonly inherited: number
  /**
   * Returns pages of records, the last record first. They contain the records that were confirmed before the call, and
   * possibly later ones.
   *
   * @throws AuditError when the log cannot be read.
   */
  newestFirst(options: { readonly signal?: AbortSignal | undefined }): AsyncIterable<readonly LoggedEvent[]>
  /** Runs tasks one after another: of two recoveries in one process, the second reads the records of the first. */
  inTurn<T>(task: () => Promise<T>): Promise<T>
}

/**
 * Makes the history of a custom sink.
 *
 * @throws ArgumentError when an option is missing or invalid.
 */
export function auditHistory(options: Omit<AuditHistory, 'inTurn'>): AuditHistory {
  const { inherited, newestFirst } = readOptions('auditHistory', options, {
    inherited: integerFrom(0),
    newestFirst: callback,
  })
  return Object.freeze({ inherited, newestFirst, inTurn: createMutex() })
}

/** The history of a wrapped sink, for its wrapper. */
export function historyOf({ history }: { readonly history?: AuditHistory }): { readonly history?: AuditHistory } {
  return history === undefined ? {} : { history }
}
