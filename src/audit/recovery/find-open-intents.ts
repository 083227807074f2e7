import { objectValue, readFields, readOptions } from '../../support/options.ts'
import { iterable } from '../configuration.ts'
import { type IntentEvent, intentEndedBy } from '../events/event.ts'
import type { LoggedEvent } from '../history.ts'

/** An intent without an outcome in the log. */
export interface OpenIntent {
  /** Number of its record. */
  readonly sequence: number
  readonly event: IntentEvent
  /**
   * Whether the log records the release of a credential for it. If false, a credential may still have been released.
   */
  readonly released: boolean
}

/**
 * Finds the intents without an outcome in records from the first to the last: calls in progress, calls whose process
 * ended, and calls whose outcome could not be written. `recoverIntents` closes them.
 *
 * It keeps one entry for each intent that is open at that point, not the whole log.
 *
 * @throws ArgumentError when `records` is not iterable, or an item is not a record.
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

const recordsCheck = iterable('an iterable of records, such as readJsonlRecords returns')
