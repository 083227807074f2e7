import { abortSignal, maybe, readOptions, withMethod } from '../../support/options.ts'
import { type Clock, systemClock } from '../../time.ts'
import { sinkCheck } from '../configuration.ts'
import type { AuditSink } from '../sink.ts'
import { createIntentRecovery, type RecoveryRun } from './intent-recovery.ts'

/** Options of {@link recoverIntents}. */
export interface RecoverIntentsOptions {
  /** The log: its `history` is read, and outcomes go to it. */
  readonly sink: AuditSink
  /** Default: the host's clock. */
  readonly clock?: Clock
  readonly signal?: AbortSignal | undefined
}

/**
 * Closes intents that get no outcome any more with the outcome `unknown`, and leaves those of calls that may be under way.
 * A guard does so by itself with `audit: { sink, recoverIntents: true }`; this is for logs that are written otherwise.
 *
 * An intent is closed when its `outcomeBy` is past, or when it was in the log before this process became its only writer.
 * The log is read back as far as a record of kind `settled`, which is written now and then.
 *
 * @returns the intents that were closed, for whoever has to look after them, and those that were left.
 * @throws ArgumentError when the sink has no log that can be read back; AuditError when it cannot be read or written.
 */
export async function recoverIntents(options: RecoverIntentsOptions): Promise<RecoveryRun> {
  readOptions('recoverIntents', options, {
    sink: sinkCheck,
    clock: maybe(withMethod('now')),
    signal: maybe(abortSignal),
  })
  const { sink, clock = systemClock, signal } = options
  return createIntentRecovery({ sink, clock }).run({ signal })
}
