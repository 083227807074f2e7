import { describe } from 'vitest'
import { hostileIssuing } from './issuing-properties.ts'
import { shortRuns } from './runs.ts'

describe('tokens of values that lie', { timeout: 120_000 }, () => {
  hostileIssuing(shortRuns(4_000))
})
