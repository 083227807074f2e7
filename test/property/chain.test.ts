import { describe } from 'vitest'
import { chainDifferential } from './chain-properties.ts'
import { shortRuns } from './runs.ts'

describe('authorization properties', () => {
  chainDifferential(shortRuns(300))
})
