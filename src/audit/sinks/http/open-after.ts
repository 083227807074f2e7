// node only: part of the spool
import { type AuditEvent, type IntentEvent, intentEndedBy } from '../../events/event.ts'
import type { LoggedEvent } from '../../history.ts'

/** The most intents that are remembered. */
const most = 10_000

/**
 * The intents that have no outcome in what was delivered of a spool, after further records of it were. AUD-34: they are
 * kept beside the cursor, as the files that they are in are removed. Only what an outcome needs is kept of them.
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

/** Whether a value that was read is what {@link openAfter} gives. */
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
