import { describe } from 'vitest'
import { builders } from './builder-properties.ts'
import { shortRuns } from './runs.ts'

describe('properties of what is made', { timeout: 120_000 }, () => {
  builders(shortRuns(150))
})
