import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBoundedMap } from '../../src/support/bounded-map.ts'

describe('a bounded map', () => {
  it('keeps the most recent half, and recently requested entries', () => {
    const map = createBoundedMap<number>(10)
    map.set('kept', 0)
    for (let i = 1; i <= 1_000; i++) {
      map.set(`${i}`, i)
      expect.soft(map.get('kept')).toBe(0)
    }
    for (let i = 998; i <= 1_000; i++) expect(map.get(`${i}`)).toBe(i)
    expect(map.get('1')).toBeUndefined()
  })

  it('answers with the last value set, or not at all, and never holds more than it may [attack 73]', () => {
    const step = fc.tuple(fc.constantFrom('get', 'set'), fc.nat(20), fc.nat())
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.array(step, { maxLength: 200 }), (max, steps) => {
        const map = createBoundedMap<number>(max)
        const truth = new Map<string, number>()
        for (const [verb, number, value] of steps) {
          const key = `${number}`
          if (verb === 'set') {
            map.set(key, value)
            truth.set(key, value)
            expect(map.get(key)).toBe(value)
          } else expect([undefined, truth.get(key)]).toContain(map.get(key))
        }
        const probe = Array.from({ length: 21 }, (_, i) => `${i}`)
        // looking moves entries, so that each is looked for in a map that was not looked at before
        const held = probe.filter((key) => replay(max, steps).get(key) !== undefined)
        expect(held.length).toBeLessThanOrEqual(max)
      }),
      { numRuns: 50 },
    )
  })
})

function replay(
  max: number,
  steps: readonly (readonly [string, number, number])[],
): ReturnType<typeof createBoundedMap> {
  const map = createBoundedMap<number>(max)
  for (const [verb, number, value] of steps) {
    if (verb === 'set') map.set(`${number}`, value)
    else map.get(`${number}`)
  }
  return map
}
