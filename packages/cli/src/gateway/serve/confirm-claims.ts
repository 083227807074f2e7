import type { AuditSink } from 'procura/audit'

/**
 * A sink that confirms the intent of a call when the claim of the call is on the disk too. A guard releases nothing
 * before an intent is confirmed, and the two syncs run at the same time.
 *
 * @param synced - resolves when each call that was claimed so far is on the disk.
 */
export function confirmClaims<Sink extends AuditSink>(sink: Sink, synced: () => Promise<void>): Sink {
  const append: AuditSink['append'] = async (event, options) => {
    if (event.kind !== 'intent') return sink.append(event, options)
    const [confirmation] = await Promise.all([sink.append(event, options), synced()])
    return confirmation
  }
  return Object.create(sink, { append: { value: append, enumerable: true } }) as Sink
}
