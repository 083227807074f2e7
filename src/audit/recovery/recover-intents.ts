import { abortSignal, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { type Clock, systemClock } from '../../time.ts'
import { sinkCheck } from '../configuration.ts'
import type { AuditSink } from '../sink.ts'
import { createIntentRecovery, type RecoveryRun } from './intent-recovery.ts'

/** Options of {@link recoverIntents}. */
export interface RecoverIntentsOptions {
  /** The sink of the log: its `history` is read, and outcomes are appended to it. */
  readonly sink: AuditSink
  /** Default: the host's clock. */
  readonly clock?: Clock
  readonly signal?: AbortSignal | undefined
}

/**
 * Closes intents without an outcome, by the outcome `unknown`, except those of calls that may be in progress. A guard
 * does this with `audit: { sink, recoverIntents: true }`; this function is for logs without a guard.
 *
 * An intent is closed if its `outcomeBy` has passed, or if it was in the log before this process became the only
 * writer. The log is read back to the last record of kind `settled`, which recoveries write at intervals.
 *
 * @returns the intents that were closed, for an operator to examine, and those that were left open.
 * @throws ArgumentError when the sink has no `history`; AuditError when the log cannot be read or written.
 */
export async function recoverIntents(options: RecoverIntentsOptions): Promise<RecoveryRun> {
  const { sink, clock, signal } = readOptions('recoverIntents', options, {
    sink: sinkCheck,
    clock: withDefault(withMethod('now'), systemClock),
    signal: abortSignal,
  })
  return createIntentRecovery({ sink, clock }).run({ signal })
}
