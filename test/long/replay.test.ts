import { describe } from 'vitest'
import { builders } from '../property/builder-properties.ts'
import { hostileIssuing } from '../property/issuing-properties.ts'
import { copiedCalls, fullOfHashes, refusedCalls, rewrittenCalls } from '../property/replay-properties.ts'
import { longRuns } from '../property/runs.ts'

describe('replay properties, many runs', () => {
  rewrittenCalls(longRuns(1_000))
  copiedCalls(longRuns(2_000))
  refusedCalls(longRuns(1_000))
  fullOfHashes(1_000_000)
})

describe('properties of built tokens, many runs', () => {
  builders(longRuns(5_000))
  hostileIssuing(longRuns(20_000))
})
