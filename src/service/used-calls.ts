import type { AuditHistory } from '../audit/history.ts'
import type { AuthorizeOptions } from '../core/authorization/options.ts'
import { cidOf } from '../core/ipld/cid.ts'
import { cidText } from '../core/ipld/cid-text.ts'
import type { WasUsed } from '../guard/context.ts'
import { sha256Bytes } from '../support/digest.ts'
import { maxTolerance, never, secondsOf, systemClock } from '../time.ts'

/**
 * Reads the calls of the last minutes, which could be accepted again, from a log that this process continues. Each
 * executed call has its intent there. Returns undefined if the log has no such call.
 *
 * @throws AuditError when the log cannot be read.
 */
export async function readUsedCalls(
  history: AuditHistory,
  {
    clock = systemClock,
    clockTolerance = 60,
    maxInvocationLifetime = 300,
  }: Pick<AuthorizeOptions, 'clock' | 'clockTolerance' | 'maxInvocationLifetime'>,
): Promise<WasUsed | undefined> {
  const lifetime = maxInvocationLifetime === never ? Number.POSITIVE_INFINITY : maxInvocationLifetime
  let from: number | undefined
  let isOver = false
  /** The time before which the calls were not read; undefined if all were. */
  let unread: number | undefined
  const used = new Set<string>()
  for await (const page of history.newestFirst({})) {
    if (isOver) {
      unread = from
      break
    }
    // The clock may be ahead: when it is corrected, the calls before the last record are valid again. The service may
    // have had another tolerance when it accepted them.
    from ??= Math.min(secondsOf(clock), page[0]?.event.time ?? 0) - lifetime - 2 * maxTolerance
    for (const { event } of page) {
      if (event.kind !== 'intent' || event.mode === 'shadow') continue
      used.add(event.invocation)
      if (event.task !== undefined) used.add(event.task)
    }
    isOver = page.every(({ event }) => event.time < (from as number))
  }
  if (used.size === 0 && unread === undefined) return undefined
  return async (invocation) => {
    const { cid, fields } = invocation
    if (used.has(cidText(cid))) return true
    // The clock went back.
    if (unread !== undefined && secondsOf(clock) - lifetime - maxTolerance - clockTolerance < unread) return undefined
    // A signature has a second form, and with it the call has another CID. Without a nonce, two calls can be one task.
    return fields.nonce.length > 0 && used.has(cidText(cidOf(await sha256Bytes(invocation.task()))))
  }
}
