import { describe, it } from 'vitest'
import { memoryPersonalKeyStore } from '../../src/audit/privacy/personal-key-store.ts'
import { memoryLimitStore } from '../../src/core/authorization/limits/memory-limit-store.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { processedInMemory } from '../../src/revocation-sources/security-events/processed-in-memory.ts'
import type { OpenedStore } from '../../src/testing/conformance-case.ts'
import { limitStoreCases } from '../../src/testing/limit-store-cases.ts'
import { personalKeyStoreCases } from '../../src/testing/personal-key-store-cases.ts'
import { processedSetsCases } from '../../src/testing/processed-sets-cases.ts'
import { replayStoreCases } from '../../src/testing/replay-store-cases.ts'
import { revocationJournalCases } from '../../src/testing/revocation-journal-cases.ts'
import { revocationStoreCases } from '../../src/testing/revocation-store-cases.ts'

/** A store in memory has one handle, no back end, and nothing to close. */
function opened<Store>(store: Store): OpenedStore<Store> {
  return { store, another: async () => store, close: async () => undefined }
}

const options = { without: ['interrupt', 'erase'] } as const

describe('the stores in memory, LMT-10 LMT-14 LMT-15 those of limits included', () => {
  const cases = [
    ...replayStoreCases(async ({ clock }) => opened(memoryReplayStore({ clock })), options),
    ...revocationStoreCases(async ({ clock }) => opened(memoryRevocationStore({ clock })), options),
    ...revocationJournalCases(async ({ clock }) => opened(memoryRevocationStore({ clock })), options),
    ...limitStoreCases(async ({ clock }) => opened(memoryLimitStore({ clock })), options),
    ...personalKeyStoreCases(async () => opened(memoryPersonalKeyStore()), options),
    ...processedSetsCases(async () => opened(processedInMemory()), options),
  ]
  for (const { name, run } of cases) it(name, run)
})
