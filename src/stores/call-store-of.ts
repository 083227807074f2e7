import type { CallAnswer, CallQuestion, CallStore } from '../core/authorization/call-store.ts'
import { checkLimitRequest } from '../core/authorization/limits/read-limit-request.ts'
import { type Clock, secondsOf } from '../time.ts'
import { assertAfterEpoch, type Claim, type EpochOptions, readClaim } from './epoch.ts'
import { atKnownEpoch, type KnownEpoch } from './known-epoch.ts'
import { settle } from './settled.ts'
import type { SharedStores } from './shared-stores.ts'

/** Asks a database about a call. `claim` is the claim of the question after its check. */
export type AskAbout = (question: CallQuestion, claim: Claim, signal: AbortSignal | undefined) => Promise<CallAnswer>

/**
 * Makes the call store of stores that are one database.
 *
 * @param askAbout - is called after the question was read.
 */
export function callStoreOf({ replay, revocations, limitStore }: SharedStores, askAbout: AskAbout): CallStore {
  return Object.freeze({
    ...{ replay, revocations, limitStore },
    async ask(question: CallQuestion, { signal }: { readonly signal?: AbortSignal | undefined }) {
      const { key, expiration, acceptedFrom } = question.claim
      const claim = readClaim(key, expiration, acceptedFrom)
      if (question.limits !== undefined) checkLimitRequest(question.limits)
      return askAbout(question, claim, signal)
    },
  })
}

/**
 * Asks a server, whose epoch this process knows from an earlier answer.
 *
 * @param askOnce - returns undefined where the server has another epoch, which was corrected.
 */
export function askAtEpoch<Epoch extends number | string>(
  { revocations }: SharedStores,
  epoch: KnownEpoch<Epoch>,
  settings: Required<EpochOptions> & { readonly clock: Clock },
  askOnce: (question: CallQuestion, known: Epoch, signal: AbortSignal | undefined) => Promise<CallAnswer | undefined>,
): AskAbout {
  return (question, claim, signal) =>
    atKnownEpoch<Epoch, CallAnswer>(epoch, async (known) => {
      signal?.throwIfAborted()
      const possible = await settle(() => assertAfterEpoch(claim, Number(known), secondsOf(settings.clock), settings))
      if (possible.status === 'fulfilled') return askOnce(question, known, signal)
      // A claim that is refused here is not sent, and the chain may be revoked.
      const found = await settle(() => revocations.findRevocations(question.ids, { signal }))
      return { revocations: found, claim: possible }
    })
}
