import { ArgumentError, AuditError } from '../../errors.ts'
import { arrayOf, callback, maybe, milliseconds, readOptions } from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { sinkCheck } from '../configuration.ts'
import type { AuditEvent } from '../events/event.ts'
import { type AuditSink, type Confirmation, unconfirmed } from '../sink.ts'
import { closeAll } from './all-of.ts'
import { withDeadline } from './with-deadline.ts'

/** Told of a sink that failed where that alone does not refuse the call. What it throws is ignored. */
export type SinkFailureListener = (failure: { readonly sink: string; readonly error: AuditError }) => void

/** Options of {@link anyOf}. */
export interface AnyOfOptions {
  /** Called for each sink that fails, also when another one confirmed. Without it nobody would know. */
  readonly onFailure: SinkFailureListener
  /** Milliseconds after which a sink that has not answered counts as failed. Default 10,000. */
  readonly deadlineMs?: number
}

/**
 * Several sinks of which one has to have the event: it goes to all, and is confirmed with the first confirmation. AUD-03
 *
 * For two logs on two disks, say: the service goes on while one is down, and `onFailure` flags it. One that hangs is down
 * as well: 1,000 events are left with it at most.
 *
 * @throws ArgumentError when there is no sink.
 */
export function anyOf(sinks: readonly AuditSink[], options: AnyOfOptions): AuditSink {
  readOptions('anyOf', { sinks }, { sinks: arrayOf(sinkCheck) })
  readOptions('anyOf', options, { onFailure: callback, deadlineMs: maybe(milliseconds) })
  const { onFailure, deadlineMs = 10_000 } = options
  const members = sinks.map((sink) => withDeadline(sink, { deadlineMs }))
  if (members.length === 0) throw new ArgumentError('anyOf: `sinks` must have at least one')
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
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<Confirmation> {
    try {
      return await Promise.any(members.map((sink) => one(sink, event, options)))
    } catch (cause) {
      throw new AuditError('ERR_AUDIT_UNCONFIRMED', `no audit sink confirmed: ${name}`, { cause })
    }
  }

  return Object.freeze({ name, append, close: () => closeAll(members) })
}
