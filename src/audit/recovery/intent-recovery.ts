import { ArgumentError, AuditError } from '../../errors.ts'
import { type Clock, secondsOf, type Timestamp } from '../../time.ts'
import { appendTo } from '../combine/append-to.ts'
import { type AuditEvent, type IntentEvent, newEventId } from '../events/event.ts'
import type { AuditHistory } from '../history.ts'
import type { AuditSink } from '../sink.ts'
import type { OpenIntent } from './find-open-intents.ts'
import { readOpenIntents } from './read-open-intents.ts'

/** Records after which a further record of kind `settled` is written. */
const settledEvery = 10_000
/** Concurrent outcomes. Each listens to the same signal, and Node warns about more than ten listeners. */
const atATime = 8
/** Seconds after which the writer of an intent without `outcomeBy` records no outcome. */
const usualLife = 86_400

/** The result of one run of a recovery. */
export interface RecoveryRun {
  /** Intents that received the outcome `unknown`, oldest first. */
  readonly recovered: readonly OpenIntent[]
  /** Intents whose writer may still record an outcome, oldest first. */
  readonly pending: readonly OpenIntent[]
}

/** Options of {@link createIntentRecovery}. */
export interface IntentRecoveryOptions {
  readonly sink: AuditSink
  readonly clock: Clock
  /** Called for each intent as soon as its outcome is confirmed. */
  readonly onRecovered?: (intent: OpenIntent) => void
}

/** Closes intents without an outcome. */
export interface IntentRecovery {
  /** Reads the records since the last run, and closes the intents that may be closed. The next run retries failures. */
  run(options: { readonly signal?: AbortSignal | undefined }): Promise<RecoveryRun>
}

/**
 * Makes a recovery. It remembers between runs how far it has read.
 *
 * @throws ArgumentError when the sink has no `history`.
 */
export function createIntentRecovery({ sink, clock, onRecovered }: IntentRecoveryOptions): IntentRecovery {
  const history = historyIn(sink)
  let since = 0
  let known: readonly OpenIntent[] = []
  let settled = 1

  async function run({ signal }: { readonly signal?: AbortSignal | undefined }): Promise<RecoveryRun> {
    const given = { signal }
    // Taken before the log is read: an outcome that was written in time is then found in it.
    const now = clock.now()
    const found = await readOpenIntents(history, { since, known, ...given })
    since = found.newest
    known = found.open
    settled = Math.max(settled, found.settled)
    const over = found.open.filter((intent) => isOver(intent, history.inherited, now))
    const recovered: OpenIntent[] = []
    for (let i = 0; i < over.length; i += atATime) {
      const some = over.slice(i, i + atATime)
      const results = await Promise.allSettled(some.map((intent) => close(intent, given)))
      const closed = new Set(some.filter((_, index) => results[index]?.status === 'fulfilled'))
      known = known.filter((intent) => !closed.has(intent))
      for (const [index, result] of results.entries()) {
        if (result.status === 'rejected') throw result.reason
        if (result.value) recovered.push(some[index] as OpenIntent)
      }
    }
    await markSettled(given)
    return { recovered, pending: known }
  }

  /** False when another process was first. AUD-37 */
  async function close(intent: OpenIntent, given: { readonly signal?: AbortSignal | undefined }): Promise<boolean> {
    const { id, mode } = intent.event
    // AUD-09
    const outcome = { kind: 'outcome', ...base(), ...(mode && { mode }), intent: id, status: 'unknown' } as const
    try {
      await appendTo(sink, outcome, given)
    } catch (error) {
      if (error instanceof AuditError && error.code === 'ERR_AUDIT_SETTLED') return false
      throw error
    }
    onRecovered?.(intent)
    return true
  }

  async function markSettled(given: { readonly signal?: AbortSignal | undefined }): Promise<void> {
    const before = known.reduce((least, { sequence }) => Math.min(least, sequence), since + 1)
    if (before - settled < settledEvery) return
    await appendTo(sink, { kind: 'settled', ...base(), before }, given)
    settled = before
  }

  const base = (): Pick<AuditEvent, 'id' | 'time'> => ({ id: newEventId(), time: secondsOf(clock) })

  return { run: (options) => history.inTurn(() => run(options)) }
}

function historyIn({ history }: AuditSink): AuditHistory {
  if (history !== undefined) return history
  throw new ArgumentError('`sink` must have a `history`: intents are recovered from a log that can be read back')
}

/** The time by which the writer of an intent has recorded its outcome. Afterwards it records nothing. */
export function endOf({ outcomeBy, time }: IntentEvent): Timestamp {
  return outcomeBy ?? time + usualLife
}

/** AUD-35 */
function isOver({ sequence, event }: OpenIntent, inherited: number, now: number): boolean {
  return sequence <= inherited || endOf(event) < now
}
