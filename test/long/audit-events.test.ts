import { describe } from 'vitest'
import { confirmedEvents } from '../property/confirmed-events.ts'
import { longRuns } from '../property/runs.ts'

describe('an event that a sink confirms, many runs', () => {
  confirmedEvents(longRuns(10_000))
})
