/**
 * The reservation of the limits of a chain by a call.
 *
 * @module
 */

import type { UsedLimit } from '../audit/events/event.ts'
import type { Authorization } from '../core/authorization/authorization.ts'
import { type ChainLimit, showAmount } from '../core/authorization/limits/chain-limits.ts'
import type { CallOptions } from '../core/authorization/settings.ts'
import { parseSelector } from '../core/capability/policy/selector.ts'
import type { HoldFacts } from './audit-trail.ts'
import type { GuardedCommand } from './command.ts'
import type { GuardContext } from './context.ts'
import { waitAtMost } from './deadline.ts'
import { uncounted } from './refusals.ts'
import type { GuardDecision } from './result.ts'

/** The reservation of a call in progress. */
export interface CallHold extends HoldFacts {
  /**
   * Makes the use final. Called when the intent is on record and before the handler starts: a use that is given back
   * must not have had an effect.
   *
   * @throws UncountedError when this is not confirmed.
   */
  commit(signal: AbortSignal | undefined): Promise<void>
  /** Ends the call: gives back a use that is not final, and the place of a concurrent call. Never rejects. */
  end(): Promise<void>
}

/** The use of a limit was not confirmed. Its code is recorded as the code of the outcome. */
class UncountedError extends Error {
  readonly code = 'limit_unknown'
}

/** Whether an error is an {@link UncountedError}. A handler can throw a value that throws when it is inspected. */
export function isUncounted(error: unknown): boolean {
  try {
    return error instanceof UncountedError
  } catch {
    return false
  }
}

/** Returns the reservation of an allowed call; undefined if its chain has no limits. */
export async function holdOfCall(
  { holdOf, deadlines, telemetry }: GuardContext,
  authorization: Authorization,
  command: GuardedCommand,
): Promise<CallHold | undefined> {
  const hold = holdOf?.(authorization)
  if (hold === undefined) return undefined
  const { limits } = hold
  const store = { of: 'the limit store', limit: 'decisionMs', deadlines } as const
  let committed = false
  return {
    limits: limits.map((limit) => usedLimit(limit, command)),
    approvers: [...new Set(limits.flatMap(({ approver }) => approver ?? []))],
    async commit(signal) {
      try {
        committed = await waitAtMost({ ...store, signals: [signal] }, (ended) => hold.commit({ signal: ended }))
      } catch (cause) {
        throw new UncountedError('the limit store did not confirm the use', { cause })
      }
      if (!committed) throw new UncountedError('the reservation has expired')
    },
    async end() {
      if (committed && limits.every(({ entry }) => entry.kind !== 'concurrent')) return
      try {
        await waitAtMost(store, (signal) => hold.release({ signal }))
      } catch (error) {
        telemetry.error(error)
      }
    },
  }
}

/**
 * Makes the use of a call final that the guard only decides about. Returns the decision, or the refusal.
 *
 * @param record - writes its chain into the ledger of the guard.
 * @throws the error of `record`; the use is given back.
 */
export async function commitUse(
  context: GuardContext,
  authorization: Authorization,
  record: (() => Promise<void>) | undefined,
  { signal }: CallOptions,
): Promise<GuardDecision> {
  const { command } = authorization
  const hold = await holdOfCall(context, authorization, context.commands.get(command) as GuardedCommand)
  try {
    await record?.()
  } catch (error) {
    await hold?.end()
    throw error
  }
  try {
    await hold?.commit(signal)
    return { allowed: true, authorization }
  } catch (error) {
    await hold?.end()
    return uncounted(context, command, error)
  }
}

/** The amount of a sum is an argument, so it is recorded only if the command shows that argument. LMT-17 */
function usedLimit({ at, statement, limit, entry }: ChainLimit, { show = [] }: GuardedCommand): UsedLimit {
  const isShown = limit[0] !== 'limit/sum' || show.includes(argumentIn(limit[1]))
  return { at, statement, operator: limit[0], ...(isShown && { amount: showAmount(limit, entry.amount) }) }
}

function argumentIn(selector: string): string {
  const [first] = parseSelector(selector)
  return first?.kind === 'field' ? first.name : ''
}
