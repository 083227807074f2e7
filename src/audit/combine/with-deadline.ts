import { AuditError } from '../../errors.ts'
import { beginDeadline, endDeadline, lightOptions, openDeadline, signalOptions } from '../../support/lazy-deadline.ts'
import { milliseconds, numberFrom, readOptions, withDefault } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { sinkCheck } from '../configuration.ts'
import type { AuditEvent } from '../events/event.ts'
import { historyOf } from '../history.ts'
import { type AuditSink, type Confirmation, isAsking } from '../sink.ts'
import { appendTo } from './append-to.ts'

/** Options of {@link withDeadline}. */
export interface DeadlineOptions {
  /** Milliseconds to wait for a confirmation. Default 500. */
  readonly deadlineMs?: number
  /** Most events without an answer, including those past their deadline. Default 1,000. */
  readonly maxInFlight?: number
}

/**
 * Wraps a sink that may hang: after the deadline an event is not confirmed, and while too many events are unanswered,
 * further ones are refused at once. So a sink that hangs costs bounded time and memory. AUD-05
 *
 * The sink may still write an event after the deadline. The log then contains an intent without an outcome.
 *
 * @throws ArgumentError when `sink` is not an audit sink, or an option is invalid.
 */
export function withDeadline(sink: AuditSink, options: DeadlineOptions = {}): AuditSink {
  readOptions('withDeadline', { sink }, { sink: sinkCheck })
  const { deadlineMs, maxInFlight } = readOptions('withDeadline', options, {
    deadlineMs: withDefault(milliseconds, 500),
    maxInFlight: withDefault(numberFrom(1), 1_000),
  })
  let inFlight = 0

  function append(event: AuditEvent, given: { readonly signal?: AbortSignal | undefined } = {}): Promise<Confirmation> {
    // An abort by the caller does not end this wait: a sink that has begun to write may still confirm.
    return new Promise<Confirmation>((resolve, reject) => {
      if (inFlight >= maxInFlight) {
        throw new AuditError(
          'ERR_AUDIT_UNCONFIRMED',
          `the audit sink ${quote(sink.name)} has not answered ${inFlight} events`,
        )
      }
      const deadline = openDeadline([given.signal], deadlineMs, () => {
        const error = new AuditError(
          'ERR_AUDIT_DEADLINE',
          `the audit sink ${quote(sink.name)} did not confirm within ${deadlineMs} ms`,
        )
        reject(error)
        // A sink that never answers must not leave a listener on the signal of the caller.
        endDeadline(deadline)
        return error
      })
      beginDeadline(deadline)
      inFlight++
      const end = (): void => {
        inFlight--
        endDeadline(deadline)
      }
      const options = isAsking(sink) ? lightOptions(deadline) : signalOptions(deadline)
      appendTo(sink, event, options).then(
        (confirmation) => {
          end()
          resolve(confirmation)
        },
        (error: unknown) => {
          end()
          reject(error)
        },
      )
    })
  }

  return Object.freeze({ ...historyOf(sink), name: sink.name, append, close: () => sink.close() })
}
