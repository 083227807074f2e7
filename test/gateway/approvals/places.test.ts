import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { displaceable, type Place } from '../../../src/gateway/approvals/places.ts'

/** Requests of agents: each agent with the number that waits, the oldest first. */
function waiting(...counts: readonly (readonly [agent: string, isKnown: boolean, count: number])[]): Place[] {
  return counts.flatMap(([agent, isKnown, count]) => Array.from({ length: count }, () => ({ agent, isKnown })))
}
const many = (name: string, isKnown: boolean, agents: number, each = 1): Place[] =>
  waiting(...Array.from({ length: agents }, (_, at) => [`${name}${at}`, isKnown, each] as const))
const known = (agent: string): Place => ({ agent, isKnown: true })
const stranger = (agent: string): Place => ({ agent, isKnown: false })

describe('the places of requests that wait', () => {
  it('APR-82 of known agents are not taken by a stranger when the gateway is full [attack 98]', () => {
    const full = [...many('known', true, 8, 31), ...many('stranger', false, 8)]
    expect(full).toHaveLength(256)
    expect(displaceable(full, stranger('new'))).toEqual([])
    expect(displaceable(full, stranger('stranger0'))).toEqual([])
    const busy = [...many('known', true, 8, 31), ...waiting(['busy', false, 8])]
    expect(displaceable(busy, stranger('new'))).toEqual(waiting(['busy', false, 8]))
    expect(displaceable(many('known', true, 8, 32), stranger('new'))).toEqual([])
  })

  it('APR-82 are taken from the known agent with the most requests, if that has more than the new one', () => {
    const full = [...many('known', true, 7, 32), ...many('small', true, 31), known('last')]
    expect(displaceable(full, known('new'))).toEqual(waiting(['known0', true, 32]))
    expect(displaceable(many('single', true, 256), known('new'))).toEqual([])
    expect(displaceable(many('single', true, 256), known('single0'))).toEqual([])
  })

  it('APR-82 are those of strangers first, but not the only one of a stranger for another stranger [attack 98]', () => {
    const full = [...many('known', true, 7, 32), ...many('stranger', false, 32)]
    expect(displaceable(full, known('new'))).toEqual([stranger('stranger0')])
    expect(displaceable(many('stranger', false, 128), stranger('new'))).toEqual([])
    const busy = [...many('stranger', false, 126), ...waiting(['busy', false, 2])]
    expect(displaceable(busy, stranger('new'))).toEqual(waiting(['busy', false, 2]))
  })

  it('APR-82 are all kept while there is room, also from a known agent', () => {
    const some = [...many('stranger', false, 100), ...many('known', true, 155)]
    for (const one of [known('new'), known('known0'), stranger('new'), stranger('stranger0')])
      expect(displaceable(some, one)).toBeUndefined()
  })

  it('APR-82 are not taken from a branch by one with as many requests, whose agents are all new', () => {
    const branch = (name: string, count: number): Place[] =>
      many(name, true, count).map((one) => ({ ...one, branch: name }))
    const full = [...branch('honest', 128), ...branch('other', 128)]
    expect(displaceable(full, { ...known('other200'), branch: 'other' })).toEqual([])
    expect(displaceable(full, known('new'))).toEqual(branch('honest', 128))
  })

  it('APR-82 are at most 256, 32 of one agent and 128 of strangers, whoever hands in, and a known agent loses none to a stranger', () => {
    const arrivals = fc.array(fc.tuple(fc.nat({ max: 200 }), fc.boolean(), fc.integer({ min: 1, max: 40 })), {
      maxLength: 60,
      minLength: 20,
    })
    fc.assert(
      fc.property(arrivals, (steps) => {
        const all: Place[] = []
        for (const [name, isKnown, count] of steps)
          for (let at = 0; at < count; at++) {
            const one = { agent: `${isKnown ? 'known' : 'stranger'}${name}`, isKnown }
            const [first] = displaceable(all, one) ?? []
            if (displaceable(all, one)?.length === 0) continue
            if (first !== undefined) {
              if (first.agent !== one.agent) {
                expect(!isKnown && first.isKnown).toBe(false)
                expect(!isKnown && all.filter(({ agent }) => agent === first.agent).length === 1).toBe(false)
              }
              all.splice(all.indexOf(first), 1)
            }
            all.push(one)
            expect(all.length).toBeLessThanOrEqual(256)
            expect(all.filter(({ agent }) => agent === one.agent).length).toBeLessThanOrEqual(32)
            expect(all.filter((other) => !other.isKnown).length).toBeLessThanOrEqual(128)
          }
      }),
      { numRuns: 20 },
    )
  })
})
