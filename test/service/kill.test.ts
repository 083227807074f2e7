import { describe, expect, it } from 'vitest'
import { shortRuns } from '../property/runs.ts'
import { playFileHistories } from './file-history.ts'

const { numRuns, seed, title } = shortRuns(40, 10)

describe(`a service in files that is killed while it writes, and opened with another tolerance (${title})`, () => {
  it('SVC-25 SVC-26 executes no call twice, and none after a confirmed revocation [attack 15] [attack 19]', async () => {
    const counts = await playFileHistories(numRuns, seed, 2)
    expect(counts.executed).toBeGreaterThan(numRuns)
  }, 120_000)
})
