// node only: its users read files
import type { Clock, ReplayStore } from 'procura'
import { memoryReplayStore } from 'procura/store/memory'
import { createBoundedMap } from '#support/bounded-map.ts'

/** Options of {@link createTakenRequests}. */
export interface TakenRequestsOptions {
  /** Most requests of an agent with the agents below it, and of all strangers. APR-98. Default 10,000. */
  readonly maxTakenOf?: number
  readonly clock?: Clock | undefined
}

/** Most known agents whose requests are remembered. */
const mostHolders = 1_000

/**
 * Makes the memory of the requests that were taken, so that none is taken twice. A full store takes no request before
 * the first ones expire.
 *
 * @returns the store of an agent with the agents below it, which fill no other one; of all strangers for undefined.
 */
export function createTakenRequests({
  maxTakenOf = 10_000,
  clock,
}: TakenRequestsOptions): (holder: string | undefined) => ReplayStore {
  const newStore = (): ReplayStore =>
    memoryReplayStore({ maxEntries: maxTakenOf, ...(clock !== undefined && { clock }) })
  const ofStrangers = newStore()
  const holders = createBoundedMap<ReplayStore>(mostHolders)
  return (holder) => {
    if (holder === undefined) return ofStrangers
    const store = holders.get(holder) ?? newStore()
    holders.set(holder, store)
    return store
  }
}
