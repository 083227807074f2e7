import { ArgumentError, AuditError } from '../../errors.ts'
import { arrayOf, callback, milliseconds, readOptions, withDefault } from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { sinkCheck } from '../configuration.ts'
import type { AuditEvent } from '../events/event.ts'
import { type AuditSink, type Confirmation, unconfirmed } from '../sink.ts'
import { closeAll } from './all-of.ts'
import { withDeadline } from './with-deadline.ts'

/** Receives the error of a sink whose failure alone does not refuse the call. An error that it throws is ignored. */
export type SinkFailureListener = (failure: { readonly sink: string; readonly error: AuditError }) => void

/** Options of {@link anyOf}. */
export interface AnyOfOptions {
  /** Called for each sink that fails, even when another sink confirms. */
  readonly onFailure: SinkFailureListener
  /** Milliseconds until a sink that has not answered has failed. Default 10,000. */
  readonly deadlineMs?: number
}

/**
 * Combines sinks of which one must confirm: an event goes to all of them, and the first confirmation counts. AUD-03
 *
 * With logs on two disks, for example, the service continues while one of them fails, and `onFailure` reports it. A
 * sink that hangs has failed too: at most 1,000 events wait for it.
 *
 * @throws ArgumentError when `sinks` is not a non-empty array of audit sinks, or an option is invalid.
 */
export function anyOf(sinks: readonly AuditSink[], options: AnyOfOptions): AuditSink {
  readOptions('anyOf', { sinks }, { sinks: arrayOf(sinkCheck) })
  const { onFailure, deadlineMs } = readOptions('anyOf', options, {
    onFailure: callback,
    deadlineMs: withDefault(milliseconds, 10_000),
  })
  const members = sinks.map((sink) => withDeadline(sink, { deadlineMs }))
  if (members.length === 0) throw new ArgumentError('anyOf: `sinks` must have at least one item')
  const name = `any of ${members.map((sink) => sink.name).join(', ')}`

  async function one(
    sink: AuditSink,
    event: AuditEvent,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<Confirmation> {
    try {
      return await sink.append(event, options)
    } catch (cause) {
      const error = unconfirmed(sink.name, cause)
      quietly(() => onFailure({ sink: sink.name, error }))
      throw error
    }
  }

  async function append(
    event: AuditEvent,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Confirmation> {
    try {
      return await Promise.any(members.map((sink) => one(sink, event, options)))
    } catch (cause) {
      throw new AuditError('ERR_AUDIT_UNCONFIRMED', `no audit sink confirmed: ${name}`, { cause })
    }
  }

  return Object.freeze({ name, append, close: () => closeAll(members) })
}
