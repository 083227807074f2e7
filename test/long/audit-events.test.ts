import { describe } from 'vitest'
import { confirmedEvents } from '../property/confirmed-events.ts'
import { sameRecords } from '../property/record-differential.ts'
import { longRuns } from '../property/runs.ts'

describe('an event that a sink confirms, many runs', () => {
  confirmedEvents(longRuns(10_000))
})

describe('records in one pass, many runs', () => {
  sameRecords(longRuns(50_000))
})
