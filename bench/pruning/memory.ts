import { memoryLimitStore, memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'
import { delegationName } from '../setup/delegation-name.ts'
import { later, nextCall, type OpenPrunedStores, type Pruned, stepTimes } from './pruned-stores.ts'

/** Requests of each kind after all entries have ended. */
const requests = 200_000

/** The stores in memory. They are full, and all of their entries have ended. */
export const prunedMemory: OpenPrunedStores = async (_, { entries }) => {
  const others = Math.ceil(entries / 10)
  let now = Math.floor(Date.now() / 1_000)
  const clock = { now: () => now }
  const replay = memoryReplayStore({ maxEntries: entries, clock })
  const revocations = memoryRevocationStore({ maxEntries: others, clock })
  const limitStore = memoryLimitStore({ maxEntries: others + 2, clock })
  const entryOf = (serial: number) =>
    ({ key: `limit ${serial}`, kind: 'total', maximum: 9, amount: 1, expiration: now + 60 }) as const
  const reserve = (serial: number) =>
    limitStore.reserve({ reservation: `${serial}`, entries: [entryOf(serial)], deadline: now + 60, commit: true }, {})
  for (let serial = 0; serial < entries; serial++) void replay.claim(nextCall(), now + 60, {})
  for (let serial = 0; serial < others; serial++) {
    void revocations.add({ ids: [delegationName(serial)], expiration: now + 60 })
    void reserve(serial)
  }
  now += 10_000
  const steps = stepTimes()
  const timed = (task: (serial: number) => unknown) => async (): Promise<Pruned> => {
    const start = performance.now()
    for (let serial = 0; serial < requests; serial++) {
      const begun = performance.now()
      try {
        task(2 * entries + serial)
      } catch {
        // Full, until enough is forgotten.
      }
      steps.add(performance.now() - begun)
      if (serial % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    return { forgotten: requests, seconds: (performance.now() - start) / 1_000 }
  }
  const other = memoryReplayStore()
  return {
    kinds: [
      { kind: 'used calls', prune: timed(() => void replay.claim(nextCall(), now + 60, {})) },
      {
        kind: 'revocations and journal',
        prune: timed((serial) => void revocations.add({ ids: [delegationName(serial)], expiration: now + 60 })),
      },
      { kind: 'limits', prune: timed((serial) => void reserve(serial)) },
    ],
    async claim() {
      await other.claim(nextCall(), later(), {})
    },
    takeSteps: steps.takeSteps,
    async close() {},
  }
}
