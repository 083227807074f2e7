import type { AuditEvent, IntentEvent } from 'procura/audit'

/** The most intents that are remembered, so that their outcomes name the agent. */
const maxIntents = 10_000

/** The intents of a log that were read last, by their ids. */
export function recentIntents(): { add(event: AuditEvent): void; get(id: string): IntentEvent | undefined } {
  const intents = new Map<string, IntentEvent>()
  return {
    add(event) {
      if (event.kind !== 'intent') return
      intents.set(event.id, event)
      const [oldest] = intents.keys()
      if (intents.size > maxIntents && oldest !== undefined) intents.delete(oldest)
    },
    get: (id) => intents.get(id),
  }
}
