import { ArgumentError } from '../../errors.ts'
import { arrayOf, readOptions } from '../../support/options.ts'
import { sinkCheck } from '../configuration.ts'
import type { AuditEvent } from '../events/event.ts'
import { historyOf } from '../history.ts'
import { type AuditSink, type Confirmation, durabilities } from '../sink.ts'
import { appendTo } from './append-to.ts'

/**
 * Combines sinks that are all required: an event is confirmed when each of them has confirmed it. AUD-02
 *
 * The confirmation comes from the first sink, with the least of the durabilities. The history comes from the first sink
 * that has one. Wrap a sink that may hang in `withDeadline`, and one that may fail in `bestEffort`.
 *
 * @throws ArgumentError when `sinks` is not a non-empty array of audit sinks.
 * @example
 * ```ts
 * import { allOf, bestEffort } from 'procura/audit'
 * import { openJsonlAuditSink } from 'procura/audit/jsonl'
 * import { stdoutAuditSink } from 'procura/audit/stdout'
 *
 * const log = await openJsonlAuditSink({ directory: '/var/log/mail-service' })
 * const sink = allOf([log, bestEffort(stdoutAuditSink(), { onFailure: ({ error }) => console.error(error) })])
 * ```
 */
export function allOf(sinks: readonly AuditSink[]): AuditSink {
  readOptions('allOf', { sinks }, { sinks: arrayOf(sinkCheck) })
  const members = [...sinks]
  if (members.length === 0) throw new ArgumentError('allOf: `sinks` must have at least one item')
  const name = `all of ${members.map((sink) => sink.name).join(', ')}`

  async function append(
    event: AuditEvent,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Confirmation> {
    // A failure of the first sink does not keep the event from the others.
    const results = await Promise.allSettled(members.map((sink) => appendTo(sink, event, options)))
    const confirmations: Confirmation[] = []
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason
      confirmations.push(result.value)
    }
    const least = durabilities.find((one) => confirmations.some(({ durability }) => durability === one)) ?? 'process'
    return { ...(confirmations[0] as Confirmation), durability: least }
  }

  const [kept] = members.filter(({ history }) => history !== undefined)
  return Object.freeze({ ...historyOf(kept ?? {}), name, append, close: () => closeAll(members) })
}

/** Closes every sink, and then rejects with the first error. */
export async function closeAll(sinks: readonly AuditSink[]): Promise<void> {
  const results = await Promise.allSettled(sinks.map(async (sink) => sink.close()))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
