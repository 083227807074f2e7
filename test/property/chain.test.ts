import { describe } from 'vitest'
import {
  chainDifferential,
  chainMonotone,
  faultDifferential,
  longLivedService,
  revocationMonotone,
  timeInterval,
  verdictIndependence,
} from './chain-properties.ts'
import { shortRuns } from './runs.ts'

describe('authorization properties', () => {
  chainDifferential(shortRuns(300))
  faultDifferential(shortRuns(10))
  chainMonotone(shortRuns(50))
  revocationMonotone(shortRuns(50))
  timeInterval(shortRuns(30))
  verdictIndependence(shortRuns(50))
  longLivedService(shortRuns(300))
})
