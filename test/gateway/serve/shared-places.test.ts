import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sharedPlaces } from '../../../src/gateway/shared-places.ts'

describe('places that agents share', () => {
  it('are left for others by each number of agents that work together, up to seven [GTW-26] [attack 98]', () => {
    const places = sharedPlaces<string>({ all: 96, ofOne: 32 })
    const counts: number[] = []
    for (let agent = 0; !places.isFull(); agent++) {
      let count = 0
      while (places.take(`agent ${agent}`) !== undefined) count++
      counts.push(count)
    }
    expect(counts).toEqual([32, 32, 16, 8, 4, 2, 1, 1])
    expect([places.has('new'), places.take('new')]).toEqual([false, undefined])
  })

  it('are never more than there are, whoever takes and leaves them, and none is lost [GTW-26]', () => {
    const step = fc.record({ holder: fc.integer({ min: 0, max: 4 }), leaves: fc.boolean(), at: fc.nat() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const places = sharedPlaces<number>({ all: 12, ofOne: 5 })
        const held: { readonly holder: number; readonly leave: () => void }[] = []
        const of = (one: number): number => held.filter(({ holder }) => holder === one).length
        for (const { holder, leaves, at } of steps) {
          if (leaves && held.length > 0) {
            held.splice(at % held.length, 1)[0]?.leave()
            continue
          }
          const isFree = of(holder) < Math.min(5, 12 - held.length)
          const leave = places.take(holder)
          expect(leave !== undefined).toBe(isFree)
          if (leave !== undefined) held.push({ holder, leave })
        }
        for (const { leave } of held.splice(0)) leave()
        for (let count = 0; count < 5; count++) expect(places.take(9)).toBeTypeOf('function')
      }),
    )
  })
})
