import { randomUUID } from 'node:crypto'
import type { CallClaim } from '../../src/core/authorization/call-store.ts'
import type { LimitRequest, LimitStoreOptions } from '../../src/core/authorization/limits/limit-store.ts'
import type { ClaimOptions } from '../../src/core/authorization/replay-store.ts'
import type { ServerStores, SharedStores } from '../../src/stores/shared-stores.ts'

/**
 * Stores whose look-ups, claims and reservations are each a question to their call store, as those of decisions are.
 */
export function throughCallStore({ callStore, ...stores }: ServerStores): SharedStores {
  const freshClaim = (): CallClaim => ({
    key: randomUUID(),
    expiration: Number.POSITIVE_INFINITY,
    acceptedFrom: undefined,
  })
  return {
    replay: {
      ...stores.replay,
      async claim(key: string, expiration: number, { signal, acceptedFrom }: ClaimOptions) {
        const { revocations, claim } = await callStore.ask(
          { ids: [], claim: { key, expiration, acceptedFrom } },
          { signal },
        )
        resultOf(revocations)
        return resultOf(claim)
      },
    },
    revocations: {
      ...stores.revocations,
      async findRevocations(ids: readonly string[]) {
        return resultOf((await callStore.ask({ ids, claim: freshClaim() }, {})).revocations)
      },
    },
    limitStore: {
      ...stores.limitStore,
      async reserve(limits: LimitRequest, { signal }: LimitStoreOptions) {
        return resultOf((await callStore.ask({ ids: [], claim: freshClaim(), limits }, { signal })).limits)
      },
    },
  }
}

/** @throws the error of the answer, or another one if there is no answer. */
function resultOf<T>(answer: PromiseSettledResult<T> | undefined): T {
  if (answer === undefined) throw new Error('the question was not answered')
  if (answer.status === 'rejected') throw answer.reason
  return answer.value
}
