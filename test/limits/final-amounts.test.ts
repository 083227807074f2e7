import { describe, expect, it } from 'vitest'
import { createFinalAmounts } from '../../src/authorization/limits/final-amounts.ts'
import { chainKey } from './chain-keys.ts'

const start = 1_800_000_000

const keys = [
  ['of chains', chainKey],
  ['of another form', (text: string) => text],
] as const

describe.each(keys)('final amounts with keys %s', (_, keyOf) => {
  it('are kept until their time, and up to 64 seconds longer', () => {
    for (let until = start; until < start + 200; until++) {
      const amounts = createFinalAmounts(100)
      const key = keyOf('limit')
      amounts.keep(keyOf('first'), start + 1)
      amounts.keep(key, until)
      amounts.add(key, 5)
      // Two circles over the table.
      for (let turn = 0; turn < 2; turn++) amounts.sweep(1_000, until)
      expect([amounts.amountOf(key), until]).toEqual([5, until])
      for (let turn = 0; turn < 2; turn++) amounts.sweep(1_000, Math.max(until, start + 1) + 64)
      expect([amounts.amountOf(key), amounts.size, until]).toEqual([0, 0, until])
    }
  })

  it('are kept for a time before the first one that was seen, and without an end', () => {
    const amounts = createFinalAmounts(100)
    const times = [10_000, 0, -10_000, 10_000 + 2 ** 37, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]
    for (const [at, time] of times.entries()) {
      amounts.keep(keyOf(`${at}`), time)
      amounts.add(keyOf(`${at}`), at + 1)
    }
    expect([amounts.size, ...times.map((_, at) => amounts.amountOf(keyOf(`${at}`)))]).toEqual([6, 1, 2, 3, 4, 5, 6])
    for (let turn = 0; turn < 3; turn++) amounts.sweep(1_000, 1_000_000)
    expect(times.map((_, at) => amounts.amountOf(keyOf(`${at}`)))).toEqual([0, 0, 0, 4, 5, 6])
  })

  it('are not shortened, and are examined in part', () => {
    const amounts = createFinalAmounts(100)
    for (let limit = 0; limit < 12; limit++) amounts.keep(keyOf(`${limit}`), 1_000)
    for (const until of [2_000, 1_000]) amounts.keep(keyOf('0'), until)
    amounts.sweep(1, 1_500)
    expect(amounts.size).toBeGreaterThanOrEqual(11)
    for (let turn = 0; turn < 2; turn++) amounts.sweep(1_000, 1_500)
    expect(amounts.size).toBe(1)
  })

  it('are added to known limits alone', () => {
    const amounts = createFinalAmounts(100)
    amounts.add(keyOf('unknown'), 5)
    expect([amounts.amountOf(keyOf('unknown')), amounts.size]).toEqual([0, 0])
  })
})

describe('final amounts', () => {
  it('of an empty key are not those of a hash of zeros, also as the first ones', () => {
    const amounts = createFinalAmounts(100)
    const zeros = `bafyrei${'a'.repeat(52)}.0`
    for (const key of ['', zeros]) amounts.keep(key, 1_000)
    amounts.add('', 3)
    expect(['', zeros].map((key) => amounts.amountOf(key))).toEqual([3, 0])
  })

  it.each([0, 10, 255])(
    'of hashes with the same 128 bits are one for an index, and no others are (index %i)',
    (index) => {
      const amounts = createFinalAmounts(100)
      const key = chainKey('delegation', index)
      const alike = `${key.slice(0, 33)}${key[33] === 'a' ? 'b' : 'a'}${key.slice(34)}`
      const others = [
        `${key.slice(0, 32)}${key[32] === 'a' ? 'b' : 'a'}${key.slice(33)}`,
        chainKey('delegation', 2),
        `x${alike.slice(1)}`,
        alike.toUpperCase(),
      ]
      for (const [at, one] of [key, alike, ...others].entries()) {
        amounts.keep(one, start)
        amounts.add(one, 10 ** at)
      }
      expect([key, alike, ...others].map((one) => amounts.amountOf(one))).toEqual([11, 11, 100, 1_000, 10_000, 100_000])
      expect(amounts.size).toBe(5)
    },
  )

  it('are of each hash alone, whichever of its bits is another one', () => {
    const amounts = createFinalAmounts(1_000)
    const letters = 'abcdefghijklmnopqrstuvwxyz234567'
    const key = chainKey('delegation', 1)
    // After the first letter, which has two bits that are always the same.
    const changed = Array.from({ length: 25 * 5 }, (_, bit) => {
      const at = 8 + Math.floor(bit / 5)
      const letter = letters[letters.indexOf(key[at] as string) ^ (1 << (bit % 5))]
      return `${key.slice(0, at)}${letter}${key.slice(at + 1)}`
    })
    // The ninth is no first letter of a hash: one of its other bits is set.
    const first = [...'abcdefghi'].map((letter) => `${key.slice(0, 7)}${letter}${key.slice(8)}`)
    const all = [...new Set([key, ...first, ...changed])]
    expect(all).toHaveLength(9 + 125)
    for (const [at, one] of all.entries()) {
      amounts.keep(one, start)
      amounts.add(one, at + 1)
    }
    expect(all.map((one) => amounts.amountOf(one))).toEqual(all.map((_, at) => at + 1))
  })
})
