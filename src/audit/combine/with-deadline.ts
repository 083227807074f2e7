import { AuditError } from '../../errors.ts'
import { startDeadline } from '../../support/deadline.ts'
import { maybe, milliseconds, numberFrom, readOptions } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { sinkCheck } from '../configuration.ts'
import type { AuditEvent } from '../events/event.ts'
import { historyOf } from '../history.ts'
import type { AuditSink, Confirmation } from '../sink.ts'
import { appendTo } from './append-to.ts'

/** Options of {@link withDeadline}. */
export interface DeadlineOptions {
  /** How long to wait for a confirmation. Default 500. */
  readonly deadlineMs?: number
  /** Most events that the sink has not answered, waited for or not. Default 1,000. */
  readonly maxInFlight?: number
}

/**
 * A sink that answers in time: after the deadline the event counts as not confirmed, and while too many are unanswered
 * further ones are refused at once. So a sink that hangs costs a bounded time and a bounded memory. AUD-05
 *
 * The sink may still write an event that came too late: its intent then stands without an outcome, which says that
 * nothing is known of the call.
 */
export function withDeadline(sink: AuditSink, options: DeadlineOptions = {}): AuditSink {
  readOptions('withDeadline', { sink }, { sink: sinkCheck })
  readOptions('withDeadline', options, { deadlineMs: maybe(milliseconds), maxInFlight: maybe(numberFrom(1)) })
  const { deadlineMs = 500, maxInFlight = 1000 } = options
  let inFlight = 0

  async function append(
    event: AuditEvent,
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): Promise<Confirmation> {
    if (inFlight >= maxInFlight) {
      throw new AuditError(
        'ERR_AUDIT_UNCONFIRMED',
        `the audit sink ${quote(sink.name)} has ${inFlight} events unanswered`,
      )
    }
    return new Promise<Confirmation>((resolve, reject) => {
      const deadline = startDeadline([signal], deadlineMs, () => {
        const error = new AuditError(
          'ERR_AUDIT_DEADLINE',
          `the audit sink ${quote(sink.name)} did not confirm within ${deadlineMs} ms`,
        )
        reject(error)
        // A sink that never answers leaves nothing at the caller's signal either.
        deadline.end()
        return error
      })
      start(event, deadline.signal).then(resolve, reject).finally(deadline.end)
    })
  }

  async function start(event: AuditEvent, signal: AbortSignal): Promise<Confirmation> {
    inFlight++
    try {
      return await appendTo(sink, event, { signal })
    } finally {
      inFlight--
    }
  }

  return Object.freeze({ ...historyOf(sink), name: sink.name, append, close: () => sink.close() })
}
