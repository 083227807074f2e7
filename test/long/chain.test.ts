import { describe } from 'vitest'
import {
  chainDifferential,
  chainMonotone,
  faultDifferential,
  longLivedService,
  revocationMonotone,
  timeInterval,
  verdictIndependence,
} from '../property/chain-properties.ts'
import { longRuns } from '../property/runs.ts'

describe('authorization properties, many runs', () => {
  chainDifferential(longRuns(20_000))
  faultDifferential(longRuns(100))
  chainMonotone(longRuns(1_000))
  revocationMonotone(longRuns(1_000))
  timeInterval(longRuns(1_000))
  verdictIndependence(longRuns(500))
  longLivedService(longRuns(5_000))
})
