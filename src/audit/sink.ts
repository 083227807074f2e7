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
 * survives both, `remote` is on another machine.
 */
export type Durability = 'process' | 'system' | 'disk' | 'remote'

/** Every {@link Durability}, the least safe one first. */
export const durabilities: readonly Durability[] = Object.freeze(['process', 'system', 'disk', 'remote'])

/** The answer of a sink that has stored an event. */
export interface Confirmation {
  /** Name of the sink. */
  readonly sink: string
  /** How safe the event is now. */
  readonly durability: Durability
  /** Number of the record, if the sink keeps a log. */
  readonly sequence?: number
  /** Hash of the record, if the sink keeps a log. */
  readonly hash?: string
}

/**
 * Stores audit events. Implement it for a custom store; `spec/guides/audit-sink.md` has a tested example.
 *
 * No credential is released before its intent is confirmed. So the audit is worth as much as this confirmation. AUD-01
 */
export interface AuditSink {
  /** A non-empty name for messages. */
  readonly name: string
  /**
   * Resolves when the event is stored as safely as the confirmation reports, and not before. Rejects when that is not
   * certain; a value that is not a {@link Confirmation} counts as a rejection. The effect in a guard depends on the
   * event:
   *
   * - an intent: the call is refused;
   * - the release of a credential: nothing is sent;
   * - an outcome: the result has `recorded: false`.
   *
   * After `signal` is aborted, the answer is ignored. A sink that can read its log during a write rejects a release, or
   * a second end, of an intent that has an end on record, with `ERR_AUDIT_SETTLED`.
   */
  append(event: AuditEvent, options: { readonly signal?: AbortSignal | undefined }): Promise<Confirmation>
  /**
   * Returns the last record, if the sink keeps a log with one writer. `withCheckpoints` uses it before the first event
   * to find the records that are not signed.
   */
  position?(): LogPosition
  /** Resolves when confirmed events are stored finally and all resources are released. `append` fails afterwards. */
  close(): Promise<void>
  /** The log, if it can be read back. It is read to find intents without an outcome. */
  readonly history?: AuditHistory
}

/** Leads from a sink to its {@link ImmediateAppend}. */
export const immediately: unique symbol = Symbol('immediately')

/** A second form of the `append` of a sink. */
export interface ImmediateAppend {
  /** The first form. A copy of a sink may have another `append`, for which this is not a second form. */
  readonly of: AuditSink['append']
  /** Does the same synchronously where the sink can: it then returns the confirmation, or throws. */
  readonly append: (
    event: AuditEvent,
    options: { readonly signal?: AbortSignal | undefined },
  ) => Confirmation | Promise<Confirmation>
  /** Whether it only asks whether its signal is aborted. */
  readonly asksOnly: boolean
}

/** Returns the second form of the `append` of a sink, if it has one. */
export function immediateAppendOf(sink: AuditSink): ImmediateAppend | undefined {
  const { [immediately]: second } = sink as { readonly [immediately]?: ImmediateAppend }
  return second?.of === sink.append ? second : undefined
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
