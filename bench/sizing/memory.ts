import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { never } from 'procura'
import { memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'
import { delegationName } from '../setup/delegation-name.ts'
import type { OpenSizedStores } from './sized-stores.ts'

/** The stores in memory. */
export const sizedMemory: OpenSizedStores = async (_, entries) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const replay = memoryReplayStore({ maxEntries: 2 * entries + 100_000 })
  const revocations = memoryRevocationStore({ maxEntries: entries })
  let calls = 0
  let revoked = 0
  return {
    replay,
    revocations,
    async fillCalls(count, expiration) {
      for (let done = 0; done < count; done++) {
        void replay.claim(`fill${calls++}`.padEnd(43, 'abcdefghijklmnopqrstuvwxyz'), expiration, {})
      }
    },
    async fillRevocations(count) {
      for (let done = 0; done < count; done++)
        void revocations.add({ ids: [delegationName(revoked++)], expiration: never })
    },
    async bytes() {
      collect()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    },
    async close() {},
  }
}
