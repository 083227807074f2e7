import { callback, milliseconds, readOptions, withDefault } from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { sinkCheck } from '../configuration.ts'
import type { AuditEvent } from '../events/event.ts'
import { type AuditSink, type Confirmation, unconfirmed } from '../sink.ts'
import type { SinkFailureListener } from './any-of.ts'
import { withDeadline } from './with-deadline.ts'

/** Options of {@link bestEffort}. */
export interface BestEffortOptions {
  /** Called for each event that the sink did not confirm. */
  readonly onFailure: SinkFailureListener
  /** Milliseconds until an event that was not confirmed has failed. Default 10,000. */
  readonly deadlineMs?: number
}

/**
 * Wraps a sink that may fail: each event is confirmed at once, and failures only go to `onFailure`. Use it for a second
 * sink beside a required one, in `allOf`; alone, it guarantees nothing. AUD-04
 *
 * At most 1,000 events wait for a sink that hangs.
 *
 * @throws ArgumentError when `sink` is not an audit sink, or an option is invalid.
 */
export function bestEffort(sink: AuditSink, options: BestEffortOptions): AuditSink {
  readOptions('bestEffort', { sink }, { sink: sinkCheck })
  const { onFailure, deadlineMs } = readOptions('bestEffort', options, {
    onFailure: callback,
    deadlineMs: withDefault(milliseconds, 10_000),
  })
  const bounded = withDeadline(sink, { deadlineMs })

  async function pass(event: AuditEvent, options: { readonly signal?: AbortSignal | undefined }): Promise<void> {
    try {
      await bounded.append(event, options)
    } catch (cause) {
      quietly(() => onFailure({ sink: sink.name, error: unconfirmed(sink.name, cause) }))
    }
  }

  async function append(
    event: AuditEvent,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Confirmation> {
    void pass(event, options)
    return { sink: sink.name, durability: 'process' }
  }

  return Object.freeze({ name: sink.name, append, close: () => sink.close() })
}
