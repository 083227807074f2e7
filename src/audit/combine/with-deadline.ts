import { ArgumentError, AuditError } from '../../errors.ts'
import {
  beginDeadline,
  endDeadline,
  type LazyDeadline,
  lightOptions,
  openDeadline,
  signalOptions,
} from '../../support/lazy-deadline.ts'
import { abortSignal, milliseconds, numberFrom, readOptions, withDefault } from '../../support/options.ts'
import { isPromiseLike } from '../../support/promise.ts'
import { quote } from '../../support/quote.ts'
import { sinkCheck } from '../configuration.ts'
import type { AuditEvent } from '../events/event.ts'
import { historyOf } from '../history.ts'
import { type AuditSink, type Confirmation, immediateAppendOf } from '../sink.ts'
import { appendImmediately, appendTo } from './append-to.ts'

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
  const given = readOptions('withDeadline', options, {
    deadlineMs: withDefault(milliseconds, 500),
    maxInFlight: withDefault(numberFrom(1), 1_000),
  })
  const append = appendWithin(sink, given)
  return Object.freeze({
    ...historyOf(sink),
    name: sink.name,
    async append(event: AuditEvent, { signal }: AppendOptions = {}) {
      const fault = abortSignal(signal)
      if (fault !== undefined) throw new ArgumentError(`append: \`signal\` ${fault}`)
      return append(event, { signal })
    },
    close: () => sink.close(),
  })
}

/** Appends an event, synchronously where the sink can: it then returns the confirmation, or throws. */
export type Append = (event: AuditEvent, options: AppendOptions) => Confirmation | Promise<Confirmation>

interface AppendOptions {
  readonly signal?: AbortSignal | undefined
}

/** The `append` of {@link withDeadline}, for options that were checked. */
export function appendWithin(sink: AuditSink, { deadlineMs, maxInFlight }: Required<DeadlineOptions>): Append {
  const { name } = sink
  let inFlight = 0

  /** An abort by the caller does not end this wait: a sink that has begun to write may still confirm. */
  function wait(answer: Promise<Confirmation>, waiting: Waiting): Promise<Confirmation> {
    return new Promise((resolve, reject) => {
      waiting.expire = reject
      answer.then(
        (confirmation) => {
          end(waiting)
          resolve(confirmation)
        },
        (error: unknown) => {
          end(waiting)
          reject(error)
        },
      )
      beginDeadline(waiting.deadline)
    })
  }

  function end({ deadline }: Waiting): void {
    inFlight--
    endDeadline(deadline)
  }

  return (event, { signal }) => {
    if (inFlight >= maxInFlight) {
      throw new AuditError('ERR_AUDIT_UNCONFIRMED', `the audit sink ${quote(name)} has not answered ${inFlight} events`)
    }
    const waiting = openWaiting(name, deadlineMs, signal)
    const { deadline } = waiting
    const second = immediateAppendOf(sink)
    inFlight++
    if (second === undefined) return wait(appendTo(sink, event, signalOptions(deadline)), waiting)
    const options = second.asksOnly ? lightOptions(deadline) : signalOptions(deadline)
    let answer: Confirmation | Promise<Confirmation> | undefined
    try {
      answer = appendImmediately(sink, second, event, options)
    } finally {
      // A writer may have asked for the signal.
      if (!isPromiseLike(answer)) end(waiting)
    }
    return isPromiseLike(answer) ? wait(answer, waiting) : answer
  }
}

/** The wait for one answer. */
interface Waiting {
  readonly deadline: LazyDeadline
  /** Ends the wait at the deadline. */
  expire: (error: AuditError) => void
}

function openWaiting(name: string, deadlineMs: number, signal: AbortSignal | undefined): Waiting {
  const deadline = openDeadline([signal], deadlineMs, () => {
    const error = new AuditError(
      'ERR_AUDIT_DEADLINE',
      `the audit sink ${quote(name)} did not confirm within ${deadlineMs} ms`,
    )
    waiting.expire(error)
    // A sink that never answers must not leave a listener on the signal of the caller.
    endDeadline(deadline)
    return error
  })
  const waiting: Waiting = { deadline, expire: () => undefined }
  return waiting
}
