import { abortSignal, having, maybe, table } from '../check-options.ts'
import { type Clock, systemClock } from '../time.ts'
import { appendTo } from './append-to.ts'
import { checkConfiguration, checkParts, iterable, sinkForm } from './configuration.ts'
import { type AuditEvent, type IntentEvent, newEventId, type OutcomeEvent } from './event.ts'
import type { LoggedEvent } from './history.ts'
import type { AuditRecord } from './record.ts'
import type { AuditSink } from './sink.ts'

/** An intent of which the log does not say how it ended. */
export interface OpenIntent {
  /** Number of its record. */
  readonly sequence: number
  readonly event: IntentEvent
  /** Whether the log says that a credential was released for it. Without that it may have been all the same. */
  readonly released: boolean
}

/**
 * Finds the intents without an outcome: calls in whose midst the process ended, or whose outcome could not be written.
 * AUD-09
 *
 * Holds one entry for each intent that is open at that point of the log, not the log.
 *
 * @throws ArgumentError when there is nothing to iterate, or something else than records.
 */
export async function findOpenIntents(
  records: Iterable<LoggedEvent> | AsyncIterable<LoggedEvent>,
): Promise<readonly OpenIntent[]> {
  checkConfiguration('findOpenIntents', { records }, { records: recordsForm })
  const open = new Map<string, OpenIntent>()
  for await (const record of records) {
    checkParts('findOpenIntents: a record', record, { event: table })
    const { sequence, event } = record
    if (event.kind === 'intent') open.set(event.id, { sequence, event, released: false })
    const intent = linkOf(event)
    const entry = intent === undefined ? undefined : open.get(intent)
    if (intent === undefined || entry === undefined) continue
    if (event.kind === 'released') open.set(intent, { ...entry, released: true })
    else open.delete(intent)
  }
  return [...open.values()]
}

/** Options of {@link recoverIntents}. */
export interface RecoverIntentsOptions {
  /** The log as it was found at the start, `readJsonlRecords` for one. */
  readonly records: Iterable<AuditRecord> | AsyncIterable<AuditRecord>
  /** Where the outcomes go: the same log. */
  readonly sink: AuditSink
  /** Default: the host's clock. */
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

/**
 * Closes the open intents of an earlier process with the outcome `unknown`: never with `ok`, and never by leaving them
 * out. Run it once at the start, before calls are taken.
 *
 * @returns the intents, for whoever has to look after them.
 */
export async function recoverIntents(options: RecoverIntentsOptions): Promise<readonly OpenIntent[]> {
  checkConfiguration('recoverIntents', options, {
    records: recordsForm,
    sink: sinkForm,
    clock: maybe(having('now')),
    signal: maybe(abortSignal),
  })
  const { records, sink, clock = systemClock, signal } = options
  const open = await findOpenIntents(records)
  for (const { event } of open) {
    const { mode } = event
    const outcome: OutcomeEvent = {
      kind: 'outcome',
      id: newEventId(),
      time: Math.floor(clock.now()),
      ...(mode === undefined ? {} : { mode }),
      intent: event.id,
      status: 'unknown',
    }
    await appendTo(sink, outcome, signal === undefined ? {} : { signal })
  }
  return open
}

const recordsForm = iterable('records that can be iterated, such as those of readJsonlRecords')

function linkOf(event: AuditEvent): string | undefined {
  return event.kind === 'outcome' || event.kind === 'released' || event.kind === 'denied' ? event.intent : undefined
}
