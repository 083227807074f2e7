import { describe, expect, it } from 'vitest'
import type { LimitStore } from '../../src/core/authorization/limits/limit-store.ts'
import { memoryLimitStore } from '../../src/core/authorization/limits/memory-limit-store.ts'
import { compareHistory } from '../../src/testing/limit-history.ts'
import { withChainKeys } from '../core/authorization/limits/chain-keys.ts'
import { verdictsOnSharedBudget } from '../core/authorization/limits/shared-budget.ts'

describe('limits', () => {
  it('LMT-12 let 3 sub-agents make exactly 100 of 1,000 calls on one budget of 100', async () => {
    const verdicts = await verdictsOnSharedBudget(1_000, 100)
    expect(verdicts.filter((one) => one === 'allowed')).toHaveLength(100)
  }, 120_000)

  it('LMT-10 agree with a plain model in 100,000 histories, half of them with keys of chains', async () => {
    let offset = 0
    const clock = {
      now: () => 1_800_000_000 + offset,
      advance(seconds: number) {
        offset += seconds
      },
    }
    const plain = memoryLimitStore({ clock, maxEntries: 100_000_000 })
    const stores = [plain, withChainKeys(plain)]
    for (let seed = 1; seed <= 100_000; seed++) {
      const store = stores[seed % 2] as LimitStore
      await compareHistory({ store, another: async () => store, clock }, seed, 30)
    }
  }, 1_800_000)
})
