import { AuditError } from '../../errors.ts'
import { withinDeadline } from '../../support/deadline.ts'
import { intentEndedBy } from '../events/event.ts'
import type { AuditHistory, LoggedEvent } from '../history.ts'
import type { OpenIntent } from './find-open-intents.ts'

/** How long a page of the log may take to come. */
const pageMs = 30_000

/** What was read of the end of a log. */
export interface OpenIntents {
  /** Intents without an outcome, oldest first: of those that were known the ones that still have none, and new ones. */
  readonly open: readonly OpenIntent[]
  /** Number of the last record; what is read next time begins behind it. */
  readonly newest: number
  /** Every intent before this record has an outcome, as a record of kind `settled` says; 1 when none does. */
  readonly settled: number
}

/**
 * Reads a log back from its last record and finds the intents without an outcome.
 *
 * @param since - a number up to which it was read before. Reading ends there, or where a record of kind `settled` says
 *   that every earlier intent has an outcome. AUD-36
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

  /** False for a record at which reading ends. */
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
    // It may hang as a page may, and there is nothing to learn from how it ends.
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
