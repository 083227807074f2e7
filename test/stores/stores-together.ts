import type { CallAnswer, CallQuestion, CallStore } from '../../src/core/authorization/call-store.ts'
import { type MemoryStores, memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { settle } from '../../src/stores/settled.ts'
import { clock } from '../support/actors.ts'

/** Stores in memory that are asked together. */
export interface StoresTogether {
  readonly stores: MemoryStores & { readonly callStore: CallStore }
  /** The questions so far. */
  readonly questions: CallQuestion[]
}

/** Memory stores that are asked together, and the questions. */
export function storesTogether(change: (answer: CallAnswer) => unknown = (answer) => answer): StoresTogether {
  const { revocations, replay, limitStore } = memoryStores({ clock })
  const questions: CallQuestion[] = []
  const callStore: CallStore = {
    revocations,
    replay,
    limitStore,
    async ask(question) {
      questions.push(question)
      return change(await answer(question)) as CallAnswer
    },
  }
  async function answer({ ids, claim, limits }: CallQuestion): Promise<CallAnswer> {
    const found = await settle(() => revocations.findRevocations(ids, {}))
    if (found.status === 'rejected' || found.value.length > 0) return { revocations: found }
    const claimed = await settle(() => replay.claim(claim.key, claim.expiration, {}))
    if (claimed.status === 'rejected' || !claimed.value || limits === undefined)
      return { revocations: found, claim: claimed }
    return { revocations: found, claim: claimed, limits: await settle(() => limitStore.reserve(limits, {})) }
  }
  return { stores: { revocations, replay, limitStore, callStore }, questions }
}
