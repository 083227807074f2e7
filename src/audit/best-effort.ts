import { callback } from '../check-options.ts'
import type { SinkFailureListener } from './any-of.ts'
import { checkConfiguration, sinkForm } from './configuration.ts'
import type { AuditEvent } from './event.ts'
import type { AuditSink, Confirmation } from './sink.ts'
import { unconfirmed } from './unconfirmed.ts'

/** Options of {@link bestEffort}. */
export interface BestEffortOptions {
  /** Called for each event that the sink did not confirm. */
  readonly onFailure: SinkFailureListener
}

/**
 * A sink that may fail: its events count as taken at once, and failures only go to `onFailure`. For a second sink beside
 * a required one, in `allOf`. Alone it would be an audit that promises nothing. AUD-04
 *
 * Give it a sink with `withDeadline`, so that events do not pile up while it hangs.
 */
export function bestEffort(sink: AuditSink, options: BestEffortOptions): AuditSink {
  checkConfiguration('bestEffort', { sink }, { sink: sinkForm })
  checkConfiguration('bestEffort', options, { onFailure: callback })
  const { onFailure } = options

  async function pass(event: AuditEvent, options: { readonly signal?: AbortSignal }): Promise<void> {
    try {
      await sink.append(event, options)
    } catch (cause) {
      onFailure({ sink: sink.name, error: unconfirmed(sink.name, cause) })
    }
  }

  async function append(event: AuditEvent, options: { readonly signal?: AbortSignal }): Promise<Confirmation> {
    void pass(event, options)
    return { sink: sink.name, durability: 'process' }
  }

  return Object.freeze({ name: sink.name, append, close: () => sink.close() })
}
