import { ArgumentError, AuditError } from '../../errors.ts'
import type { Clock, Timestamp } from '../../time.ts'
import { appendTo } from '../combine/append-to.ts'
import { type AuditEvent, type IntentEvent, newEventId } from '../events/event.ts'
import type { AuditHistory } from '../history.ts'
import type { AuditSink } from '../sink.ts'
import type { OpenIntent } from './find-open-intents.ts'
import { readOpenIntents } from './read-open-intents.ts'

/** After how many further records it is recorded how far every intent has an outcome. */
const settledEvery = 10_000
/** Outcomes handed to the sink at a time. Each listens to one signal, and Node warns of more than ten listeners. */
const atATime = 8
/** Seconds after which an intent that does not say so itself gets no outcome from its writer any more. */
const usualLife = 86_400

/** What came of one run of a recovery. */
export interface RecoveryRun {
  /** Intents that got the outcome `unknown`, oldest first. */
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

/** Closes intents without an outcome, run by run. */
export interface IntentRecovery {
  /** Reads what the log has since the last run, and closes what may be closed. What failed is tried again next time. */
  run(options: { readonly signal?: AbortSignal | undefined }): Promise<RecoveryRun>
}

/**
 * Makes a recovery, which remembers from run to run how far it has read.
 *
 * @throws ArgumentError when the sink has no log that can be read back.
 */
export function createIntentRecovery({ sink, clock, onRecovered }: IntentRecoveryOptions): IntentRecovery {
  const history = historyIn(sink)
  let since = 0
  let known: readonly OpenIntent[] = []
  let settled = 1

  async function run({ signal }: { readonly signal?: AbortSignal | undefined }): Promise<RecoveryRun> {
    const given = { signal }
    // Before the log is read: an outcome that was written in time is then found in it.
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

  const base = (): Pick<AuditEvent, 'id' | 'time'> => ({ id: newEventId(), time: Math.floor(clock.now()) })

  return { run: (options) => history.inTurn(() => run(options)) }
}

function historyIn({ history }: AuditSink): AuditHistory {
  if (history !== undefined) return history
  throw new ArgumentError('intents cannot be recovered: `sink` has no log that can be read back (`history`)')
}

/** When the writer of an intent has recorded its outcome, or records none any more. */
export function endOf({ outcomeBy, time }: IntentEvent): Timestamp {
  return outcomeBy ?? time + usualLife
}

/** AUD-35 */
function isOver({ sequence, event }: OpenIntent, inherited: number, now: number): boolean {
  return sequence <= inherited || endOf(event) < now
}
