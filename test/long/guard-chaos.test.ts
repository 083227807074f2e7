import { describe, expect, it } from 'vitest'
import { runChaos } from '../guard/chaos/world.ts'
import { longRuns } from '../property/runs.ts'

const { seed } = longRuns(1)
const calls = 200_000

/** As `test/guard/chaos.test.ts`, in other worlds each time. */
describe('a guard with failing dependencies', () => {
  it(`GRD-10 GRD-13 P15: ends each call, with one outcome, and sends nothing after it [attack 78] (${calls} calls, seed ${seed})`, async () => {
    const { endings, requests } = await runChaos(calls, seed, 25)
    process.stdout.write(`${JSON.stringify({ requests, ...Object.fromEntries(endings) })}\n`)
    expect(requests).toBeGreaterThan(calls / 10)
    expect(endings.get('done')).toBeGreaterThan(calls / 10)
  })
})
