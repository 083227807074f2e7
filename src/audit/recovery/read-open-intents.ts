import { AuditError } from '../../errors.ts'
import { withinDeadline } from '../../support/deadline.ts'
import { intentEndedBy } from '../events/event.ts'
import type { AuditHistory, LoggedEvent } from '../history.ts'
import type { OpenIntent } from './find-open-intents.ts'

/** Milliseconds to wait for a page of the log. */
const pageMs = 30_000

/** The end of a log, from one read. */
export interface OpenIntents {
  /** Intents without an outcome, oldest first: known ones that are still open, and new ones. */
  readonly open: readonly OpenIntent[]
  /** Number of the last record. The next run begins after it. */
  readonly newest: number
  /** The `before` of the last record of kind `settled`; 1 without one. */
  readonly settled: number
}

/**
 * Reads a log back from its last record and finds the intents without an outcome.
 *
 * @param since - number of the last record that was read before. Reading ends there, or at the point of a record of
 *   kind `settled`, before which each intent has an outcome. AUD-36
 * @param known - the intents that were open there.
 * @throws AuditError when the log does not answer within 30 s.
 */
export async function readOpenIntents(
  history: AuditHistory,
  {
    since,
    known,
    signal,
  }: { readonly since: number; readonly known: readonly OpenIntent[]; readonly signal?: AbortSignal | undefined },
): Promise<OpenIntents> {
  const ended = new Set<string>()
  const released = new Set<string>()
  const open: OpenIntent[] = []
  let newest = since
  let settled = 1

  /** Returns false for a record at which reading ends. */
  function take({ sequence, event }: LoggedEvent): boolean {
    if (sequence <= since || sequence < settled) return false
    newest = Math.max(newest, sequence)
    if (event.kind === 'settled' && event.before <= sequence) settled = Math.max(settled, event.before)
    if (event.kind === 'released') released.add(event.intent)
    if (event.kind === 'intent' && !ended.delete(event.id)) {
      open.push({ sequence, event, released: released.has(event.id) })
    }
    if (event.kind === 'intent') released.delete(event.id)
    const end = intentEndedBy(event)
    if (end !== undefined) ended.add(end)
    return true
  }

  const pages = history.newestFirst({ signal })[Symbol.asyncIterator]()
  try {
    for (;;) {
      const page = await nextPage(pages, signal)
      if (page === undefined || !page.every(take)) break
    }
  } finally {
    // The end of the iterator may hang too. Its result is not used.
    pages.return?.().catch(() => undefined)
  }
  const left = known
    .filter(({ event }) => !ended.has(event.id))
    .map((intent) => (released.has(intent.event.id) ? { ...intent, released: true } : intent))
  return { open: [...left, ...open.reverse()], newest, settled }
}

async function nextPage(
  pages: AsyncIterator<readonly LoggedEvent[]>,
  signal: AbortSignal | undefined,
): Promise<readonly LoggedEvent[] | undefined> {
  const reason = (): AuditError =>
    new AuditError('ERR_AUDIT_DEADLINE', `the audit log could not be read: timed out after ${pageMs} ms`)
  const { done, value } = await withinDeadline(pageMs, { signals: [signal], reason }, () => pages.next())
  return done ? undefined : value
}
