import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  type AmountTable,
  createAmountTable,
  createFingerprintTable,
  createStringTable,
  type ExpiringTable,
  hashOf,
  randomPlaceKey,
} from '../../src/support/expiring-table.ts'
import { shortRuns } from '../property/runs.ts'

const placeKey = Int32Array.of(0x1234567, -0x7654321, 0x3333333, -0x55555, 77)

/** Some tests replace the global one. */
const Numbers = Int32Array

/** The fingerprint of a number: few different words, so that fingerprints differ in one word alone. */
const printOf = (id: number): Int32Array => Numbers.of(id & 3, -1, (id >> 2) & 3, id >> 4)

/** Fingerprints whose search begins at one place of a table of 16. */
function sharingPlace(count: number): number[] {
  const found: number[] = []
  for (let id = 0; found.length < count; id++) if (hashOf(printOf(id), 0, placeKey) < 2 ** 28) found.push(id)
  return found
}

/** Lets the system have no memory for arrays of a kind. */
function endMemory(name: 'Int32Array' | 'Uint8Array'): void {
  vi.stubGlobal(name, function fail(): never {
    throw new RangeError('Array buffer allocation failed')
  })
  onTestFinished(() => void vi.unstubAllGlobals())
}

interface Step {
  readonly id: number
  readonly period: number
  readonly mayAdd: boolean
  readonly places: number
  readonly wait: number
}

const step = (ids: fc.Arbitrary<number>): fc.Arbitrary<Step> =>
  fc.record({
    id: ids,
    period: fc.integer({ min: 0, max: 12 }),
    mayAdd: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.boolean()),
    places: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constant(3_000)),
    wait: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 15 })),
  })

/** Compares a table with a map. An entry that is over may still be there, and may be gone. */
function agrees<Key>(table: ExpiringTable<Key>, keyOf: (id: number) => Key, steps: readonly Step[]): void {
  const model = new Map<number, number>()
  let present = 1
  for (const { id, period, mayAdd, places, wait } of steps) {
    present += wait
    table.sweep(places, present)
    const known = model.get(id) ?? 0
    const given = present + period
    const before = table.extend(keyOf(id), given, mayAdd)
    if (before !== known) expect([before, known >= present]).toEqual([0, false])
    if (before > 0 || mayAdd) model.set(id, Math.max(given, before))
  }
  for (const [id, until] of model) if (until >= present) expect(table.extend(keyOf(id), 1, false)).toBe(until)
  // Two circles: the first one may have begun in an earlier period.
  table.sweep(20_000, present)
  expect(table.size).toBe([...model.values()].filter((until) => until >= present).length)
}

/** Compares the amounts of a table with those of a map, while entries are added, end and are removed. */
function agreesInAmounts<Key>(table: AmountTable<Key>, keyOf: (id: number) => Key, steps: readonly Step[]): void {
  const model = new Map<number, { until: number; amount: number }>()
  let present = 1
  for (const { id, period, mayAdd, places, wait } of steps) {
    present += wait
    table.sweep(places, present)
    for (const [known, { until }] of model) {
      // An entry that is over may still be there.
      const isOver = until < present && table.amountOf(keyOf(known)) === 0
      if (isOver) model.delete(known)
    }
    const before = table.extend(keyOf(id), present + period, mayAdd)
    const known = model.get(id)
    if (before === 0) model.delete(id)
    if (before > 0 || mayAdd)
      model.set(id, { until: Math.max(before, present + period), amount: before === 0 ? 0 : (known?.amount ?? 0) })
    const entry = model.get(id)
    // A sum above 2^32 has both numbers.
    const added = 2 ** (id % 48) + period
    if (entry !== undefined) entry.amount += added
    expect(table.add(keyOf(id), added)).toBe(entry?.amount ?? 0)
    for (const [at, { amount }] of model) expect(table.amountOf(keyOf(at))).toBe(amount)
  }
}

describe('a table of fingerprints', () => {
  const { numRuns, seed, title } = shortRuns(800)

  it.each([
    ['of few different words', fc.nat(300)],
    ['that share one place', fc.constantFrom(...sharingPlace(40))],
  ])(`agrees with a map, for fingerprints %s (${title})`, (_, ids) => {
    fc.assert(
      fc.property(fc.array(step(ids), { maxLength: 150, size: 'max' }), (steps) => {
        agrees(createFingerprintTable(100, placeKey), printOf, steps)
      }),
      { numRuns, seed },
    )
  })

  it('agrees with a map when it has many parts that grow and shrink', () => {
    const table = createFingerprintTable(1_000_000, placeKey)
    const count = 20_000
    const prints = Array.from({ length: count }, () => randomPlaceKey().subarray(0, 4))
    const untilOf = (at: number): number => 1 + (at % 7)
    const wrong: string[] = []
    const extend = (at: number, period: number, mayAdd: boolean, wanted: number): void => {
      const before = table.extend(prints[at] as Int32Array, period, mayAdd)
      if (before !== wanted) wrong.push(`entry ${at}: ${before}, not ${wanted}`)
    }
    for (let at = 0; at < count; at++) extend(at, untilOf(at), true, 0)
    expect(table.size).toBe(count)
    for (let present = 1; present <= 7; present++) {
      for (let at = 0; at < count; at++) extend(at, 1, false, untilOf(at) >= present ? untilOf(at) : 0)
      table.sweep(100_000, present + 1)
      expect(table.size).toBe(prints.filter((_, at) => untilOf(at) > present).length)
    }
    for (let at = 0; at < count; at += 5) extend(at, 9, true, 0)
    expect(wrong).toEqual([])
  })

  it('grows at all times by few of its parts', () => {
    const numbers = Int32Array
    let words = 0
    class CountedNumbers extends numbers {
      constructor(length: number) {
        super(length)
        words += length
      }
    }
    vi.stubGlobal('Int32Array', CountedNumbers)
    onTestFinished(() => void vi.unstubAllGlobals())
    const table = createFingerprintTable(4_000_000, placeKey)
    const print = numbers.of(0, 0, 0, 0)
    const allocated = Array.from({ length: 100 }, (_, turn) => {
      words = 0
      for (let id = 1; id <= 4_000; id++) {
        print.fill(4_000 * turn + id)
        table.extend(print, 1, true)
      }
      return words
    })
    // A table allocates about five places for each new entry. Parts of one size would allocate up to 29, and none at
    // other times.
    const placesForEach = allocated.map((count) => count / 4_000 / 5)
    expect(Math.max(...placesForEach)).toBeLessThan(12)
    expect(Math.min(...placesForEach)).toBeGreaterThan(0.5)
  })

  it.each(['Int32Array', 'Uint8Array'] as const)(
    'is as before when there is no memory for its %s, and needs none for the entries that it has',
    (name) => {
      const table = createAmountTable(100, randomPlaceKey())
      for (let id = 1; id <= 12; id++) table.extend(printOf(id), id, true)
      table.add(printOf(3), 2 ** 40)
      endMemory(name)
      for (let turn = 0; turn < 3; turn++) expect(() => table.extend(printOf(13), 7, true)).toThrow(RangeError)
      expect([table.size, table.extend(printOf(13), 7, false)]).toEqual([12, 0])
      for (let id = 1; id <= 12; id++) expect(table.extend(printOf(id), 20, true)).toBe(id)
      expect(table.add(printOf(3), 5)).toBe(2 ** 40 + 5)
      vi.unstubAllGlobals()
      expect(table.extend(printOf(13), 7, true)).toBe(0)
      expect(table.amountOf(printOf(3))).toBe(2 ** 40 + 5)
    },
  )

  it('keeps its arrays when there is no memory for smaller ones, and removes entries all the same', () => {
    const table = createFingerprintTable(100, placeKey)
    for (let id = 1; id <= 90; id++) table.extend(printOf(id), id <= 85 ? 1 : 9, true)
    endMemory('Int32Array')
    table.sweep(1_000, 2)
    expect(table.size).toBe(5)
    table.sweep(1_000, 3)
    for (let id = 86; id <= 90; id++) expect(table.extend(printOf(id), 9, true)).toBe(9)
    expect(table.extend(printOf(1), 9, true)).toBe(0)
  })

  it.each([
    ['of few different words', fc.nat(100)],
    ['that share one place', fc.constantFrom(...sharingPlace(40))],
  ])(`agrees with a map in the amounts, for fingerprints %s (${title})`, (_, ids) => {
    fc.assert(
      fc.property(fc.array(step(ids), { maxLength: 100, size: 'max' }), (steps) => {
        agreesInAmounts(createAmountTable(100, placeKey), printOf, steps)
      }),
      { numRuns, seed },
    )
  })

  it('keeps amounts when its parts grow, for fingerprints that differ in the fifth number alone', () => {
    const table = createAmountTable(100_000, randomPlaceKey(5))
    const print = (id: number): Int32Array => Int32Array.of(1, 2, 3, 4, id)
    const amountOf = (id: number): number => id * 2 ** 33 + id
    for (let id = 1; id <= 5_000; id++) {
      expect(table.extend(print(id), 7, true)).toBe(0)
      table.add(print(id), amountOf(id))
    }
    const wrong = Array.from({ length: 5_000 }, (_, at) => at + 1).filter(
      (id) => table.amountOf(print(id)) !== amountOf(id),
    )
    expect(wrong).toEqual([])
    expect(table.amountOf(print(5_001))).toBe(0)
    expect(table.add(print(5_001), 5)).toBe(0)
    expect(table.size).toBe(5_000)
  })

  it('finds no fingerprint that differs in one bit', () => {
    const table = createFingerprintTable(1_000, placeKey)
    const print = Int32Array.of(1, -2, 3, -4)
    table.extend(print, 5, true)
    for (let bit = 0; bit < 128; bit++) {
      const other = print.slice()
      other[bit >> 5] = (other[bit >> 5] as number) ^ (1 << (bit & 31))
      expect(table.extend(other, 5, false), `bit ${bit}`).toBe(0)
    }
    expect(table.extend(print, 5, false)).toBe(5)
  })

  it('has other places under another key, so that a caller cannot choose fingerprints that share one', () => {
    const chosen = sharingPlace(64)
    for (let round = 0; round < 20; round++) {
      const otherKey = randomPlaceKey()
      const places = new Set(chosen.map((id) => Math.floor(hashOf(printOf(id), 0, otherKey) / 2 ** 28)))
      expect(places.size).toBeGreaterThan(8)
    }
  })

  it('draws a key for each table', () => {
    expect(randomPlaceKey()).not.toEqual(randomPlaceKey())
  })

  it('examines at most the requested places, and no place while all entries count', () => {
    const table = createFingerprintTable(1_000, placeKey)
    for (let id = 0; id < 1_000; id++) table.extend(printOf(id), 1, true)
    table.sweep(8, 2)
    expect(table.size).toBeGreaterThanOrEqual(992)
    expect(table.size).toBeLessThan(1_000)
  })
})

describe('a table of strings', () => {
  const { numRuns, seed, title } = shortRuns(200)

  it(`agrees with a map (${title})`, () => {
    fc.assert(
      fc.property(fc.array(step(fc.nat(30)), { maxLength: 150, size: 'max' }), (steps) => {
        agrees(createStringTable(), (id) => `key ${id}`, steps)
        agreesInAmounts(createStringTable(), (id) => `key ${id}`, steps)
      }),
      { numRuns, seed },
    )
  })
})
