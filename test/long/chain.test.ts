import { describe } from 'vitest'
import { chainDifferential } from '../property/chain-properties.ts'
import { longRuns } from '../property/runs.ts'

describe('authorization properties, many runs', () => {
  chainDifferential(longRuns(20_000))
})
