import { describe } from 'vitest'
import { fuzz } from '../fuzz/fuzz-properties.ts'
import { readers } from '../fuzz/readers.ts'
import { longRuns } from '../property/runs.ts'

describe('a reader of foreign input returns, or throws a documented error, many times', () => {
  fuzz(readers, longRuns(2_500))
})
