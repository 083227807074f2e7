import type { AuditErrorCode } from '../../errors.ts'
import { readOptions } from '../../support/options.ts'
import { sinkCheck } from '../configuration.ts'
import type { AuditEvent } from '../events/event.ts'
import { historyOf } from '../history.ts'
import { type AuditSink, type Confirmation, unconfirmed } from '../sink.ts'
import { appendTo } from './append-to.ts'

/** The state of a sink, for a health endpoint and for metrics. */
export interface AuditHealth {
  /** False from a failure until the next confirmation. */
  readonly healthy: boolean
  /** Events confirmed. */
  readonly confirmed: number
  /** Events not confirmed. */
  readonly failed: number
  /** Events that the sink has not answered. */
  readonly inFlight: number
  /** The code of the last failure. */
  readonly lastFailure?: AuditErrorCode
  /** Milliseconds since then. */
  readonly lastFailureMs?: number
}

/** A sink that reports its health. */
export interface ObservedSink extends AuditSink {
  /** Returns the counts since the sink was wrapped. */
  health(): AuditHealth
}

/**
 * Counts confirmed and failed events, so that monitoring detects a failing log. Make it the outermost wrapper. AUD-06
 *
 * @throws ArgumentError when `sink` is not an audit sink.
 */
export function withHealth(sink: AuditSink): ObservedSink {
  readOptions('withHealth', { sink }, { sink: sinkCheck })
  let confirmed = 0
  let failed = 0
  let inFlight = 0
  let healthy = true
  let last: { readonly code: AuditErrorCode; readonly at: number } | undefined

  async function append(
    event: AuditEvent,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Confirmation> {
    inFlight++
    try {
      const confirmation = await appendTo(sink, event, options)
      confirmed++
      healthy = true
      return confirmation
    } catch (cause) {
      const error = unconfirmed(sink.name, cause)
      // Not a failure of the sink: its log has the end of the intent.
      if (error.code === 'ERR_AUDIT_SETTLED') throw error
      failed++
      healthy = false
      last = { code: error.code, at: performance.now() }
      throw error
    } finally {
      inFlight--
    }
  }

  function health(): AuditHealth {
    const failure = last && { lastFailure: last.code, lastFailureMs: performance.now() - last.at }
    return { healthy, confirmed, failed, inFlight, ...failure }
  }

  return Object.freeze({ ...historyOf(sink), name: sink.name, append, close: () => sink.close(), health })
}
