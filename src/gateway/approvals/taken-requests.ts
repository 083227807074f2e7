// node only: its users read files
import type { ReplayStore } from '../../authorization/replay-store.ts'
import { memoryReplayStore } from '../../authorization/replay-store.ts'
import { createBoundedMap } from '../../support/bounded-map.ts'
import type { Clock } from '../../time.ts'

/** The requests that were taken, so that none is taken twice. */
export interface TakenRequests {
  readonly ofStrangers: ReplayStore
  /** Of a known agent and those below it, which fill no other store. */
  of(branch: string): ReplayStore
}

/** Options of {@link createTakenRequests}. */
export interface TakenRequestsOptions {
  /** Most requests of strangers that are remembered. Default 100,000. */
  readonly maxTaken?: number
  /** Most requests of a known agent, and of those below it, that are remembered. Default 10,000. */
  readonly maxTakenOf?: number
  readonly clock?: Clock | undefined
}

/** Most known agents whose requests are remembered. */
const mostBranches = 1_000

/** Makes the memory. A full store takes no request before the first ones expire. */
export function createTakenRequests({
  maxTaken = 100_000,
  maxTakenOf = 10_000,
  clock,
}: TakenRequestsOptions): TakenRequests {
  const newStore = (maxEntries: number): ReplayStore =>
    memoryReplayStore({ maxEntries, ...(clock !== undefined && { clock }) })
  const branches = createBoundedMap<ReplayStore>(mostBranches)
  return {
    ofStrangers: newStore(maxTaken),
    of(branch) {
      const store = branches.get(branch) ?? newStore(maxTakenOf)
      branches.set(branch, store)
      return store
    },
  }
}
