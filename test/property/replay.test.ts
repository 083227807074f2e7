import { describe } from 'vitest'
import { copiedCalls, refusedCalls, rewrittenCalls } from './replay-properties.ts'
import { shortRuns } from './runs.ts'

describe('replay properties', { timeout: 120_000 }, () => {
  rewrittenCalls(shortRuns(40, 4))
  copiedCalls(shortRuns(40))
  refusedCalls(shortRuns(30))
})
