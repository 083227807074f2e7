import { callback, maybe, milliseconds, readOptions } from '../../support/options.ts'
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
  /** Milliseconds after which an event that was not answered counts as failed. Default 10,000. */
  readonly deadlineMs?: number
}

/**
 * A sink that may fail: its events count as taken at once, and failures only go to `onFailure`. For a second sink beside
 * a required one, in `allOf`. Alone it would be an audit that promises nothing. AUD-04
 *
 * While it hangs 1,000 events are left with it at most.
 */
export function bestEffort(sink: AuditSink, options: BestEffortOptions): AuditSink {
  readOptions('bestEffort', { sink }, { sink: sinkCheck })
  readOptions('bestEffort', options, { onFailure: callback, deadlineMs: maybe(milliseconds) })
  const { onFailure, deadlineMs = 10_000 } = options
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
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<Confirmation> {
    void pass(event, options)
    return { sink: sink.name, durability: 'process' }
  }

  return Object.freeze({ name: sink.name, append, close: () => sink.close() })
}
