import { objectValue, readFields, readOptions } from '../../support/options.ts'
import { iterable } from '../configuration.ts'
import { type IntentEvent, intentEndedBy } from '../events/event.ts'
import type { LoggedEvent } from '../history.ts'

/** An intent of which the log does not say how it ended. */
export interface OpenIntent {
  /** Number of its record. */
  readonly sequence: number
  readonly event: IntentEvent
  /** Whether the log says that a credential was released for it. Without that it may have been all the same. */
  readonly released: boolean
}

/**
 * Finds the intents without an outcome in records that were read from the first to the last: calls that are under way, in
 * whose midst a process ended, or whose outcome could not be written. To close them there is `recoverIntents`.
 *
 * Holds one entry for each intent that is open at that point of the log, not the log.
 *
 * @throws ArgumentError when there is nothing to iterate, or something else than records.
 */
export async function findOpenIntents(
  records: Iterable<LoggedEvent> | AsyncIterable<LoggedEvent>,
): Promise<readonly OpenIntent[]> {
  readOptions('findOpenIntents', { records }, { records: recordsCheck })
  const open = new Map<string, OpenIntent>()
  for await (const record of records) {
    readFields('findOpenIntents: a record', record, { event: objectValue })
    const { sequence, event } = record
    if (event.kind === 'intent') open.set(event.id, { sequence, event, released: false })
    const released = event.kind === 'released' ? open.get(event.intent) : undefined
    if (released !== undefined) open.set(released.event.id, { ...released, released: true })
    const ended = intentEndedBy(event)
    if (ended !== undefined) open.delete(ended)
  }
  return [...open.values()]
}

const recordsCheck = iterable('records that can be iterated, such as those of readJsonlRecords')
