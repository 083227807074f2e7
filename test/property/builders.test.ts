import { describe } from 'vitest'
import { builders } from './builder-properties.ts'
import { shortRuns } from './runs.ts'

describe('properties of built tokens', { timeout: 120_000 }, () => {
  builders(shortRuns(150))
})
