import { describe, expect, it } from 'vitest'
import { createPace } from '../../../src/gateway/upstream/pace.ts'

describe('the pace of a session over HTTP', () => {
  it('is 100 requests at once, and then 10 in a second [GTW-70] [attack 81]', async () => {
    let time = 5_000
    const waits: number[] = []
    const next = createPace({ now: () => time, sleep: async (ms) => void waits.push(ms) })
    for (let count = 0; count < 100; count++) await next(undefined)
    expect(waits).toEqual([])
    for (let count = 0; count < 3; count++) await next(undefined)
    expect(waits.splice(0)).toEqual([100, 200, 300])
    time += 1_000
    for (let count = 0; count < 8; count++) await next(undefined)
    expect(waits.splice(0)).toEqual([100])
    // A session that was silent has 100 again, and no more.
    time += 1e9
    for (let count = 0; count < 101; count++) await next(undefined)
    expect(waits).toEqual([100])
  })
})
