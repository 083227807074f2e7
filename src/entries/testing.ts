/**
 * `procura/testing`: the cases that a store of your own has to pass, for any test runner.
 *
 * @module
 */

export type { ConformanceCase } from '../testing/conformance-case.ts'
export { personalKeyStoreCases } from '../testing/personal-key-store-cases.ts'
export { processedSetsCases } from '../testing/processed-sets-cases.ts'
export { delegationStoreCases } from '../testing/delegation-store-cases.ts'
export { revocationJournalCases } from '../testing/revocation-journal-cases.ts'
export { limitStoreCases } from '../testing/limit-store-cases.ts'
export { replayStoreCases } from '../testing/replay-store-cases.ts'
export { revocationStoreCases } from '../testing/revocation-store-cases.ts'
