import type { RevocationStore } from '../core/revocation/revocation-store.ts'
import type { GuardDenialCode, GuardResult } from '../guard/result.ts'
import { withinDeadline } from '../support/deadline.ts'

/** Whether the stores of a service have answered. `unknown` before the first call or question. */
export type StoresAnswer = 'answered' | 'failed' | 'unknown'

/** What is known of the stores of a service. SVC-23 */
export interface ObservedStores {
  /** Notes the result of a call: one that is allowed was decided by all stores. */
  note(result: GuardResult<unknown>): void
  /** Asks the store of revocations, unless a question is in progress. It never rejects. */
  ask(): Promise<void>
  state(): StoresAnswer
}

/** Refusals by which a store has not answered. */
const unanswered: ReadonlySet<GuardDenialCode> = new Set(['revocation_unknown', 'replay_unknown', 'limit_unknown'])

/** Milliseconds for an answer. */
const answerMs = 1_000

/** Milliseconds after which the failure of a call does not count: without calls there is no success. */
export const failureMs = 10_000

/** Not a principal: the domain `invalid` has no names (RFC 6761). */
const nobody = 'did:web:health.invalid'

/** Follows the answers of the stores of a service. */
export function observeStores(revocations: RevocationStore): ObservedStores {
  let answer: StoresAnswer = 'unknown'
  let refusedAt: number | undefined
  let asking: Promise<void> | undefined

  async function askOnce(): Promise<void> {
    try {
      const found = await withinDeadline(answerMs, {}, (signal) => revocations.findRevocations([nobody], { signal }))
      answer = Array.isArray(found) ? 'answered' : 'failed'
    } catch {
      answer = 'failed'
    } finally {
      asking = undefined
    }
  }

  return Object.freeze({
    note(result) {
      if (result.allowed) {
        answer = 'answered'
        refusedAt = undefined
      } else if (unanswered.has(result.denial.code)) refusedAt = performance.now()
    },
    ask() {
      asking ??= askOnce()
      return asking
    },
    state: () => (refusedAt !== undefined && performance.now() < refusedAt + failureMs ? 'failed' : answer),
  } satisfies ObservedStores)
}
