import { expect } from 'vitest'
import type { LimitEntry, LimitRequest, LimitStore } from '../../src/core/authorization/limits/limit-store.ts'
import type { ServerStores, SharedProcessedSets } from '../../src/stores/shared-stores.ts'
import { type Clock, systemClock } from '../../src/time.ts'

export const cid: string = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

const otherCid = 'bafyreibwnmylvsglbfzglba6jvdz7b5w34p4ypecrbjrincneuskezhcq4'

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

/**
 * Expects that stores refuse, by a clock that went back, what they may have forgotten: also when they are prepared
 * again with the same epoch, and no longer when their data begins anew.
 *
 * @param at - opens the stores of epoch 0 with a clock.
 */
export async function expectForgottenUntilEpoch(
  at: (clock: Clock) => ServerStores & { readonly processed: SharedProcessedSets },
  prepareAgain: (epoch: number) => Promise<void>,
): Promise<void> {
  const ended = soon() - 3600
  const [present, ago] = [at(systemClock), at({ now: () => ended - 10 })]
  expect(await ago.replay.claim('old', ended, {})).toBe(true)
  await ago.revocations.add({ ids: [cid], expiration: ended })
  await ago.processed.add('old', ended)
  await present.revocations.prune()
  const claim = { key: 'asked', expiration: ended, acceptedFrom: undefined }
  const unknown = { revocations: { status: 'rejected', reason: expect.any(Error) } }
  expect(await ago.callStore.ask({ ids: [cid], claim, limits: limitRequest('asked') }, {})).toEqual(unknown)
  // A call is not used up by a question about revocations that is not answered.
  expect(await ago.limitStore.remaining(limitRequest('').entries, {})).toEqual([{ remaining: 3 }])
  expect(await ago.replay.claim('asked', ended, {})).toBe(true)
  for (const store of [present.replay, present.processed]) await store.prune()
  // A service whose clock is behind forgets older entries, and the later time is kept.
  await ago.revocations.add({ ids: [otherCid], expiration: ended - 1_000 })
  await ago.processed.add('older', ended - 1_000)
  for (const store of [ago.replay, ago.revocations, ago.processed]) await store.prune()
  for (const prepared of [false, true]) {
    if (prepared) await prepareAgain(0)
    await expect(ago.replay.claim('new', ended, {})).rejects.toThrow('expired before the latest time seen')
    await expect(ago.revocations.findRevocations([cid], {})).rejects.toThrow('correct its clock')
    expect(await ago.callStore.ask({ ids: [cid], claim }, {})).toEqual(unknown)
    await expect(ago.processed.has('new', ended)).rejects.toThrow('older than the SETs')
  }
  await prepareAgain(1)
  expect(await ago.replay.claim('new', ended, {})).toBe(true)
  expect(await ago.revocations.findRevocations([cid], {})).toEqual([])
  expect(await ago.processed.has('new', ended)).toBe(false)
}

/**
 * Expects that a commit that is repeated gives nothing back, also after the end of its call, and that a reservation
 * whose commit came too late stays given back when the clock goes back.
 *
 * @param advance - moves the clock of the store.
 */
export async function expectCommitsOnce(
  store: LimitStore,
  start: number,
  advance: (seconds: number) => void,
): Promise<void> {
  const common = { maximum: 2, amount: 1, expiration: 1e10 } as const
  const rate: LimitEntry = { ...common, key: 'rate', kind: 'rate', window: 600 }
  const busy: LimitEntry = { ...common, key: 'busy', kind: 'concurrent' }
  const total: LimitEntry = { ...common, key: 'total', kind: 'total' }
  const reservation = { commit: false, deadline: start + 60 } as const
  await store.reserve({ ...reservation, reservation: 'a', entries: [rate, busy, total] }, {})
  expect(await store.commit('a', {})).toBe(true)
  expect(await store.commit('a', {})).toBe(true)
  expect(await store.remaining([rate, busy, total], {})).toEqual([1, 1, 1].map((remaining) => ({ remaining })))
  await store.release('a', {})
  await store.release('a', {})
  expect(await store.commit('a', {})).toBe(true)
  expect(await store.remaining([rate, busy, total], {})).toEqual([1, 2, 1].map((remaining) => ({ remaining })))
  await store.reserve({ ...reservation, reservation: 'b', entries: [busy, total] }, {})
  advance(60)
  expect(await store.commit('b', {})).toBe(false)
  advance(-60)
  expect(await store.commit('b', {})).toBe(false)
  expect(await store.remaining([busy, total], {})).toEqual([2, 1].map((remaining) => ({ remaining })))
}
