import { withDeadline } from '../audit/combine/with-deadline.ts'
import { createIntentRecovery, endOf } from '../audit/recovery/intent-recovery.ts'
import type { AuditSink } from '../audit/sink.ts'
import { sleep } from '../support/back-off.ts'
import { withinDeadline } from '../support/deadline.ts'
import type { Clock } from '../time.ts'
import type { Telemetry } from './telemetry.ts'

/** Longest time between two runs, in milliseconds. */
const usualMs = 600_000
/** Time until a failed run is repeated. */
const againMs = 60_000
/** Time limit for the confirmation of an outcome. No call waits for it. */
const appendMs = 10_000

/** A recovery that runs beside the calls of a guard. */
export interface Recovery {
  /** Ends it, and waits at most so many milliseconds for records in progress. */
  close(milliseconds: number): Promise<void>
}

/** Options of {@link startRecovery}. */
export interface StartRecoveryOptions {
  readonly sink: AuditSink
  readonly clock: Clock
  readonly telemetry: Telemetry
}

/**
 * Closes the intents without an outcome: at once, when the time of an open one has passed, and every 10 minutes. Calls
 * do not wait for it. GRD-17
 *
 * @throws ArgumentError when the sink has no `history`.
 */
export function startRecovery({ sink, clock, telemetry }: StartRecoveryOptions): Recovery {
  const stopping = new AbortController()
  const { signal } = stopping
  const recovery = createIntentRecovery({
    sink: withDeadline(sink, { deadlineMs: appendMs }),
    clock,
    onRecovered({ event: { command, id }, released }) {
      telemetry.event({ name: 'recovered', command, intent: id, released })
    },
  })

  async function runOnce(): Promise<number> {
    try {
      const { pending } = await recovery.run({ signal })
      const next = Math.min(...pending.map(({ event }) => endOf(event)))
      return Math.min(usualMs, Math.max(1_000, (next + 1 - clock.now()) * 1_000))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (!signal.aborted) telemetry.error(new Error(`the recovery of intents: ${reason}`, { cause: error }))
      return againMs
    }
  }

  async function runAlways(): Promise<void> {
    while (!signal.aborted) await sleep(await runOnce(), signal)
  }

  const running = runAlways()
  return {
    async close(milliseconds) {
      stopping.abort(new Error('the guard is closing'))
      const reason = (): Error => new Error(`the recovery of intents did not end within ${milliseconds} ms`)
      await withinDeadline(milliseconds, { reason }, () => running).catch(telemetry.error)
    },
  }
}
