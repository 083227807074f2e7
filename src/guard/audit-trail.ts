/**
 * The records of a guard.
 *
 * @module
 */

import { appendWithin } from '../audit/combine/with-deadline.ts'
import type {
  AuditEvent,
  AuditMode,
  IntentEvent,
  OutcomeEvent,
  RevocationAge,
  UsedLimit,
} from '../audit/events/event.ts'
import { createEventIds } from '../audit/events/event-ids.ts'
import { suppressedEvent } from '../audit/events/suppressed-event.ts'
import { type SampleDenialsOptions, samplingChecks } from '../audit/sample-denials.ts'
import type { Confirmation } from '../audit/sink.ts'
import type { Authorization } from '../core/authorization/authorization.ts'
import { AuditError } from '../errors.ts'
import { readOptions, withDefault, withMethod } from '../support/options.ts'
import { isPromiseLike } from '../support/promise.ts'
import { quote } from '../support/quote.ts'
import { type Clock, secondsOf } from '../time.ts'
import type { Release } from '../vault/vault.ts'
import type { CheckedAuditOptions } from './audit-options.ts'
import { createCallEvents } from './call-events.ts'
import type { GuardedCommand } from './command.ts'
import { recordWithin } from './deadline.ts'
import { createDenialLog, type UndecidedFacts } from './denial-log.ts'
import { type OutcomeLease, startOutcomeLease } from './outcome-lease.ts'
import type { GuardDenial } from './result.ts'

/** An intent that is on record, for the further records of its call. */
export interface RecordedIntent {
  /** The id of its event. */
  readonly id: string
  /** Until when the call may be recorded; undefined after its outcome. */
  lease: OutcomeLease | undefined
}

/** The facts of the reservation of a call, for the record of its intent. */
export interface HoldFacts {
  readonly limits: readonly UsedLimit[]
  /** The DIDs of those who have approved the call, each once. */
  readonly approvers: readonly string[]
}

/** Writes the records of a guard. */
export interface AuditTrail {
  /**
   * Records that a call is about to be made. Nothing may happen before the intent is there.
   *
   * @param age - how current the revocations were with which the call was allowed, and the claims of its caller.
   * @param hold - the limits of its chain, and those who have approved it.
   */
  intent(
    authorization: Authorization,
    command: GuardedCommand,
    signal: AbortSignal | undefined,
    age: UndecidedFacts | undefined,
    hold?: HoldFacts,
  ): RecordedIntent | Promise<RecordedIntent>
  /** Records that a credential is about to be used. */
  released(
    intent: RecordedIntent,
    release: Release,
    signal: AbortSignal | undefined,
    age: RevocationAge | undefined,
  ): Promise<void>
  /** Records how a call ended. Throws or rejects after its `outcomeBy`. */
  outcome(intent: RecordedIntent, ending: Ending): Confirmation | Promise<Confirmation>
  /** Records a refusal, unless there are too many. */
  denied(denial: GuardDenial, durationMs: number, age: UndecidedFacts | undefined): Promise<void>
  /** Records how many refusals were not recorded. Then it closes the sink, except for a dry run. */
  close(milliseconds: number): Promise<void>
}

/** How a call ended. */
export type Ending = Pick<OutcomeEvent, 'code' | 'durationMs' | 'status' | 'upstreamStatus'>

/** Options of {@link createAuditTrail}. */
export interface AuditTrailOptions {
  readonly audit: CheckedAuditOptions
  readonly clock: Clock
  readonly commands: readonly GuardedCommand[]
  /** How long a handler may take, in milliseconds. */
  readonly handlerMs: number
  /** `shadow` is in each record of a dry run, so that nobody takes it for a real call. */
  readonly mode: AuditMode
  /** Receives the error of a record that no caller waits for. */
  readonly onError: (error: unknown) => void
}

/**
 * Makes the audit trail of a guard.
 *
 * @throws ArgumentError when a command needs keys that are missing.
 */
export function createAuditTrail({ audit, clock, commands, handlerMs, mode, onError }: AuditTrailOptions): AuditTrail {
  const { deadlineMs, maxInFlight, sink } = audit
  const append = appendWithin(sink, { deadlineMs, maxInFlight })
  const events = createCallEvents(audit, commands, mode)
  const shadow = mode === 'shadow' ? ({ mode } as const) : {}
  const now = (): number => secondsOf(clock)
  const newId = createEventIds()
  const base = (): Pick<AuditEvent, 'id' | 'time' | 'mode'> => ({ id: newId(), time: now(), ...shadow })
  // The longest time from intent to outcome: keys and sink, the handler, the work that it left open, and the sink
  // again.
  const callMs = handlerMs + 4 * deadlineMs + 10_000

  const denials = createDenialLog({
    sampling: samplingOf(audit, clock),
    async record(denial, durationMs, age) {
      await append(withAge(await events.denied(denial, now(), durationMs), age), {})
    },
    report: async (left) => void (await append(suppressedEvent({ denials: left, time: now(), ...shadow }), {})),
    onError,
  })

  return {
    intent(authorization, command, signal, age, hold) {
      const id = newId()
      const lease = startOutcomeLease(clock, callMs)
      const keep = (): RecordedIntent => {
        assertOpen(lease)
        return { id, lease }
      }
      const record = (made: IntentEvent): Confirmation | Promise<Confirmation> => {
        const event = withAge(made, age)
        return append(hold === undefined ? event : { ...event, limits: hold.limits }, { signal })
      }
      const { outcomeBy } = lease
      const made = events.intent({ authorization, command, id, time: now(), outcomeBy, approvers: hold?.approvers })
      const confirmed = isPromiseLike(made) ? made.then(record) : record(made)
      return isPromiseLike(confirmed) ? confirmed.then(keep) : keep()
    },

    async released(intent, release, signal, age) {
      assertOpen(intent.lease)
      await append({ ...releasedFacts(release), ...age, ...base(), kind: 'released', intent: intent.id }, { signal })
    },

    outcome(intent, ending) {
      const { lease } = intent
      intent.lease = undefined
      assertOpen(lease)
      const { code, durationMs, status, upstreamStatus } = ending
      // Without a spread of the ending, which takes longer than the record, and in the canonical order of a record.
      const event: OutcomeEvent = {
        id: newId(),
        ...(code !== undefined && { code }),
        kind: 'outcome',
        ...shadow,
        time: now(),
        intent: intent.id,
        status,
        ...(durationMs !== undefined && { durationMs }),
        ...(upstreamStatus !== undefined && { upstreamStatus }),
      }
      return append(event, {})
    },

    denied: denials.denied,

    async close(milliseconds) {
      await recordWithin(milliseconds, `the audit sink ${quote(sink.name)} did not close`, async () => {
        try {
          await denials.close()
        } finally {
          if (mode !== 'shadow') await sink.close()
        }
      })
    },
  }
}

/** A spread would leave out inherited options, and with them the misspelt ones. */
function samplingOf({ denials = {} }: CheckedAuditOptions, clock: Clock): SampleDenialsOptions {
  return readOptions('createGuard: `audit.denials`', denials, {
    ...samplingChecks,
    clock: withDefault(withMethod('now'), clock),
  })
}

/** Most stores answer from their data of the moment, and have no age. */
function withAge<Event extends AuditEvent>(event: Event, age: UndecidedFacts | undefined): Event {
  return age === undefined ? event : { ...event, ...age }
}

function releasedFacts(
  release: Release,
): Omit<Extract<AuditEvent, { kind: 'released' }>, 'kind' | 'id' | 'time' | 'intent'> {
  const { ageSeconds, downscoped, expiresAt, kind, reference, stale, version } = release
  return {
    vault: reference,
    credential: kind,
    version,
    downscoped,
    ageMs: ageSeconds * 1_000,
    ...(stale && { stale: true as const }),
    ...(expiresAt !== undefined && { expiresAt }),
  }
}

/** After the end of its lease, another process may already have recorded the outcome of a call as unknown. */
function assertOpen(lease: OutcomeLease | undefined): void {
  if (lease?.isOver() === false) return
  throw new AuditError('ERR_AUDIT_DEADLINE', 'the call exceeded its `outcomeBy`, so no further event of it is recorded')
}
