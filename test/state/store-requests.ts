import { expect } from 'vitest'
import type { LimitRequest } from '../../src/authorization/limits/limit-store.ts'
import type { ServerStores } from '../../src/state/shared-stores.ts'

export const cid: string = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

/** A time at which a call of the present time ends. */
export function soon(): number {
  return Math.floor(Date.now() / 1000) + 60
}

/** A request for one call of 3. */
export function limitRequest(reservation: string, change: Partial<LimitRequest> = {}): LimitRequest {
  const entries = [{ key: 'uses', kind: 'total', maximum: 3, amount: 1, expiration: 1e10 }] as const
  return { reservation, entries, deadline: soon(), commit: true, ...change }
}

/** Expects that each store forgets its own entries when it is pruned, and none of the others. */
export async function expectOwnPruning({ revocations, replay, limitStore }: ServerStores): Promise<void> {
  await revocations.add({ ids: [cid], expiration: soon() - 3600 })
  for (let at = 0; at < 120; at++) await replay.claim(`call ${at}`, soon(), {})
  await limitStore.reserve(limitRequest('a'), {})
  await Promise.all([replay.prune(), limitStore.prune()])
  expect(await revocations.findRevocations([cid], {})).toEqual([{ id: cid }])
  await revocations.prune()
  expect(await revocations.findRevocations([cid], {})).toEqual([])
}
