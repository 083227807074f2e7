// node only: part of the spool
import { type AuditEvent, type IntentEvent, intentEndedBy } from '../../events/event.ts'
import type { LoggedEvent } from '../../history.ts'

/** Most intents that are kept. */
const most = 10_000

/**
 * Updates the intents without an outcome in the delivered part of a spool by further records. AUD-34: they are kept
 * with the cursor, because their files are removed. Only the fields that an outcome requires are kept.
 */
export function openAfter(open: readonly LoggedEvent[], records: readonly LoggedEvent[]): readonly LoggedEvent[] {
  const left = new Map(open.map((one) => [one.event.id, one]))
  for (const { sequence, event } of records) {
    if (event.kind === 'intent') left.set(event.id, { sequence, event: brief(event) })
    const ended = intentEndedBy(event)
    if (ended !== undefined) left.delete(ended)
    if (event.kind === 'settled') for (const [id, one] of left) if (one.sequence < event.before) left.delete(id)
  }
  return [...left.values()].slice(-most)
}

/** Whether a value from a file is a result of {@link openAfter}. */
export function isOpenList(value: unknown): value is readonly LoggedEvent[] {
  return Array.isArray(value) && value.every(isOpen)
}

function isOpen(value: unknown): boolean {
  const { sequence, event } = Object(value) as Partial<LoggedEvent>
  const { kind, id, time } = Object(event) as Partial<AuditEvent>
  return Number.isSafeInteger(sequence) && kind === 'intent' && typeof id === 'string' && Number.isSafeInteger(time)
}

function brief({ kind, id, time, mode, invocation, command, outcomeBy }: IntentEvent): IntentEvent {
  return { kind, id, time, ...(mode && { mode }), invocation, command, ...(outcomeBy !== undefined && { outcomeBy }) }
}
