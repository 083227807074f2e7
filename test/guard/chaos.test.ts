import { describe, expect, it } from 'vitest'
import { shortRuns } from '../property/runs.ts'
import { runChaos } from './chaos/world.ts'

const { seed, numRuns: calls } = shortRuns(2_000)

/** Two hundred thousand in `npm run test:long`. */
describe('a guard with failing dependencies', () => {
  it(`GRD-10 GRD-13 P15: ends each call with one outcome, and sends nothing afterwards [attack 78] (${calls} calls, seed ${seed})`, async () => {
    const { endings, requests } = await runChaos(calls, seed, 25)
    expect(requests).toBeGreaterThan(calls / 10)
    expect(endings.get('done')).toBeGreaterThan(calls / 10)
  }, 120_000)
})
