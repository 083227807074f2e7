import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNameFilter } from '../../src/support/name-filter.ts'
import { shortRuns } from '../property/runs.ts'

/** A map with a filter before it. */
function filteredNames(maxNames: number) {
  const names = new Map<string, true>()
  const filter = createNameFilter(names, maxNames)
  return {
    names,
    filter,
    add(name: string): void {
      names.set(name, true)
      filter.add(name)
    },
    remove(name: string): void {
      if (names.delete(name)) filter.noteRemoval()
    },
    /** The names of the map that the filter denies. */
    denied: (): string[] => [...names.keys()].filter((name) => !filter.mayHave(name)),
  }
}

/** The share of names that are in no map for which the filter says that they may be. */
function falseShare(mayHave: (name: string) => boolean): number {
  const strangers = Array.from({ length: 10_000 }, (_, at) => nameOf(-1 - at))
  return strangers.filter(mayHave).length / strangers.length
}

const nameOf = (serial: number): string =>
  `bafyreib${Math.abs(serial)
    .toString(36)
    .padStart(8, serial < 0 ? 'x' : 'a')}`

describe('a filter of names', () => {
  const { numRuns, seed, title } = shortRuns(60)

  it(`denies no name that the map has, whatever is added and removed (${title})`, () => {
    const block = fc.record({
      from: fc.nat(4_000),
      count: fc.integer({ min: 1, max: 2_000 }),
      isRemoval: fc.boolean(),
      text: fc.string({ maxLength: 12 }),
    })
    fc.assert(
      fc.property(
        fc.array(block, { minLength: 4, maxLength: 20 }),
        fc.constantFrom(0, 1, 1_100, 1e9),
        (blocks, most) => {
          const { add, remove, denied } = filteredNames(most)
          for (const { from, count, isRemoval, text } of blocks) {
            for (let at = from; at < from + count; at++)
              (isRemoval ? remove : add)(`${nameOf(at)}${at % 3 === 0 ? text : ''}`)
            add(text)
            expect(denied()).toEqual([])
          }
        },
      ),
      { numRuns, seed },
    )
  })

  it('denies most names that the map does not have, also after all names were replaced many times', () => {
    const { names, filter, add, remove, denied } = filteredNames(2_048)
    for (let at = 0; at < 2_048; at++) add(nameOf(at))
    expect(falseShare(filter.mayHave)).toBeLessThan(0.1)
    for (let at = 2_048; at < 40_000; at++) {
      remove(nameOf(at - 2_048))
      add(nameOf(at))
    }
    expect(names.size).toBe(2_048)
    expect(denied()).toEqual([])
    // Before each new filter, the old one has the bits of twice as many names.
    expect(falseShare(filter.mayHave)).toBeLessThan(0.3)
  })

  it('denies most names when there are as many as it is made for, also 250,000', () => {
    const { filter, add, denied } = filteredNames(250_000)
    for (let at = 0; at < 250_000; at++) add(nameOf(at))
    expect(falseShare(filter.mayHave)).toBeLessThan(0.1)
    expect(denied()).toEqual([])
  })

  it('denies most names at each size, while it grows to that size', () => {
    const { filter, add, denied } = filteredNames(1_000_000)
    const shares: number[] = []
    for (let at = 0; at < 70_000; at++) {
      add(nameOf(at))
      if (at > 1_024 && at % 2_000 === 0) shares.push(falseShare(filter.mayHave))
    }
    // A copy ends when there are a third more names than the old filter is made for.
    expect(Math.max(...shares)).toBeLessThan(0.15)
    expect(denied()).toEqual([])
  })

  it('leaves few names to their map', () => {
    const { filter, add } = filteredNames(1_000_000)
    add(nameOf(1))
    expect(filter.mayHave(nameOf(2))).toBe(true)
  })
})
