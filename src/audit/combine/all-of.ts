import { ArgumentError } from '../../errors.ts'
import { arrayOf, readOptions } from '../../support/options.ts'
import { sinkCheck } from '../configuration.ts'
import type { AuditEvent } from '../events/event.ts'
import { historyOf } from '../history.ts'
import { type AuditSink, type Confirmation, durabilities } from '../sink.ts'
import { appendTo } from './append-to.ts'

/**
 * Several sinks, each of them required: an event is confirmed when all have it. AUD-02
 *
 * Its history is that of the first sink that has one. The confirmation is the one of the first sink, with the least of the durabilities. Give each sink that may hang its
 * own `withDeadline`; mark those that may fail with `bestEffort`.
 *
 * @throws ArgumentError when there is no sink.
 */
export function allOf(sinks: readonly AuditSink[]): AuditSink {
  readOptions('allOf', { sinks }, { sinks: arrayOf(sinkCheck) })
  const members = [...sinks]
  if (members.length === 0) throw new ArgumentError('allOf: `sinks` must have at least one')
  const name = `all of ${members.map((sink) => sink.name).join(', ')}`

  async function append(
    event: AuditEvent,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<Confirmation> {
    // Every sink gets the event, also when the first has failed: the more logs have it the better.
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

/** Closes every sink, and only then tells of the first that could not be closed. */
export async function closeAll(sinks: readonly AuditSink[]): Promise<void> {
  const results = await Promise.allSettled(sinks.map(async (sink) => sink.close()))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
