/**
 * Where audit events go.
 *
 * @module
 */

import { AuditError } from '../errors.ts'
import { quote } from '../support/quote.ts'
import type { AuditEvent } from './events/event.ts'
import type { LogPosition } from './events/record.ts'
import type { AuditHistory } from './history.ts'

/**
 * How safe a confirmed event is: `process` is lost when the process ends, `system` when the machine loses power, `disk`
 * survives both, `remote` is with another machine.
 */
export type Durability = 'process' | 'system' | 'disk' | 'remote'

/** Every {@link Durability}, the least safe one first. */
export const durabilities: readonly Durability[] = Object.freeze(['process', 'system', 'disk', 'remote'])

/** A sink has the event. */
export interface Confirmation {
  /** Name of the sink. */
  readonly sink: string
  /** How safe the event is now. */
  readonly durability: Durability
  /** Number of the record, where the sink keeps a log. */
  readonly sequence?: number
  /** Hash of the record, where the sink keeps a log. */
  readonly hash?: string
}

/**
 * Takes audit events. Implement it for a store of your own.
 *
 * Nothing is released before the intent is confirmed, so what this promises is what the whole audit is worth. AUD-01
 */
export interface AuditSink {
  /** For messages. */
  readonly name: string
  /**
   * Resolves when the event is stored as safely as the confirmation says, and not before. Rejects with an `AuditError`
   * when it is not known to be; an answer that is not a {@link Confirmation} counts as a rejection. A guard then refuses the
   * call when the event is an intent, sends nothing when it is the release of a credential, and says `recorded: false` when
   * it is an outcome. After `signal` is aborted nobody waits for the answer.
   *
   * A sink that can look into its log as it writes rejects a release, or a second end, of an intent that has an end on
   * record, with `ERR_AUDIT_SETTLED`.
   */
  append(event: AuditEvent, options: { readonly signal?: AbortSignal | undefined }): Promise<Confirmation>
  /**
   * The last record, where the sink keeps a log that nobody else writes. With it `withCheckpoints` knows before the first
   * event what is not yet signed.
   */
  position?(): LogPosition
  /** Resolves when what was confirmed is as safe as it will be and the sink holds nothing open. Appending then fails. */
  close(): Promise<void>
  /** The log, where the sink keeps one that can be read back: for intents without an outcome. */
  readonly history?: AuditHistory
}

/** The error of a sink as an `AuditError`: the error itself if it is one, and otherwise one with it as the cause. */
export function unconfirmed(sink: string, cause: unknown): AuditError {
  if (cause instanceof AuditError) return cause
  const message = `the audit sink ${quote(String(sink))} did not confirm the event; \`cause\` has its error`
  return new AuditError('ERR_AUDIT_UNCONFIRMED', message, { cause })
}

/** The error of a sink for an event about an intent that has its end on record. LOG-14 */
export function alreadySettled(sink: string, sequence: number): AuditError {
  return new AuditError('ERR_AUDIT_SETTLED', `the intent has its end on record: record ${sequence} of ${quote(sink)}`)
}
