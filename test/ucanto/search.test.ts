import { describe } from 'vitest'
import { shortRuns } from '../property/runs.ts'
import { searchProperties } from './search-properties.ts'

describe('random graphs of proofs and attestations', () => {
  searchProperties(shortRuns(800, 8))
})
