import { describe } from 'vitest'
import {
  globDifferential,
  policyBudget,
  policyDifferential,
  policyMonotone,
  selectorDifferential,
} from '../property/policy-properties.ts'
import { longRuns } from '../property/runs.ts'

describe('policy properties, many runs', () => {
  policyDifferential(longRuns(100_000))
  policyMonotone(longRuns(50_000))
  globDifferential(longRuns(100_000))
  policyBudget(longRuns(5_000))
  selectorDifferential(longRuns(100_000))
})
