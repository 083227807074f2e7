import { describe } from 'vitest'
import { longRuns } from '../property/runs.ts'
import { searchProperties } from '../ucanto/search-properties.ts'

describe('random graphs of proofs and attestations of 0.9.1, many', () => {
  searchProperties(longRuns(20_000))
})
