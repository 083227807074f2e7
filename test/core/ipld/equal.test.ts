import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesEqual, compareBytes, concatBytes } from '../../../src/core/ipld/bytes.ts'
import { cidOf } from '../../../src/core/ipld/cid.ts'
import { decodeCbor } from '../../../src/core/ipld/decode.ts'
import { encodeCbor } from '../../../src/core/ipld/encode.ts'
import { ipldEquals } from '../../../src/core/ipld/equal.ts'
import { compareKeys } from '../../../src/core/ipld/key-order.ts'
import { parseCid } from '../../../src/core/ipld/parse-cid.ts'
import { deepFreeze, type IpldValue, isBytes, isList, isMap } from '../../../src/core/ipld/value.ts'
import { shortRuns } from '../../property/runs.ts'
import { anyText } from '../../support/any-text.ts'
import { anyValue } from './arbitrary.ts'
import { filled, hex } from './support.ts'

/** One of each kind, no two the same. */
const kinds: readonly IpldValue[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  1.5,
  '',
  '0',
  'a',
  new Uint8Array(),
  new Uint8Array([0]),
  new Uint8Array([1]),
  cidOf(filled(32)),
  cidOf(filled(32, 2)),
  cidOf(filled(32)).bytes,
  [],
  [0],
  [0, 0],
  [[]],
  {},
  { a: 0 },
  { a: 1 },
  { b: 0 },
  { a: 0, b: 0 },
  { a: {} },
  { length: 0 },
  { '/': 'a', bytes: 'a' },
]

describe('ipldEquals', () => {
  it('distinguishes kinds and values', () => {
    for (const [i, a] of kinds.entries()) {
      for (const [j, b] of kinds.entries()) expect([i, j, ipldEquals(a, b)]).toEqual([i, j, i === j])
    }
  })

  it('compares by value', () => {
    expect(ipldEquals(1, decodeCbor(hex('fb3ff0000000000000')))).toBe(true)
    expect(ipldEquals(0, -0)).toBe(true)
    expect(ipldEquals(filled(5), Buffer.from(filled(5)))).toBe(true)
    expect(ipldEquals(cidOf(filled(32)), parseCid(String(cidOf(filled(32)))))).toBe(true)
    expect(ipldEquals({ b: [1, { c: null }], a: 2 }, { a: 2, b: [1, { c: null }] })).toBe(true)
    expect(ipldEquals({ toString: 1 }, {} as IpldValue)).toBe(false)
    expect(ipldEquals({ constructor: 1 }, { other: 1 })).toBe(false)
  })

  it('agrees with the bytes: same value, same encoding', () => {
    void fc.assert(
      fc.property(anyValue(), anyValue(), (a, b) => {
        expect(ipldEquals(a, decodeCbor(encodeCbor(a)))).toBe(true)
        expect(ipldEquals(a, b)).toBe(bytesEqual(encodeCbor(a), encodeCbor(b)))
      }),
      shortRuns(300),
    )
  })

  it('takes a step for each pair of values, and stops when the steps are used up', () => {
    const value = { a: [1, 2, 3], b: 'x' }
    const copy = { a: [1, 2, 3], b: 'x' }
    const budget = { remaining: 6 }
    expect(ipldEquals(value, copy, budget)).toBe(true)
    expect(budget.remaining).toBe(0)
    const short = { remaining: 5 }
    expect(ipldEquals(value, copy, short)).toBe(false)
    expect(short.remaining).toBe(-1)
    const long = Array.from({ length: 100_000 }, () => 0)
    const bounded = { remaining: 10 }
    ipldEquals(long, [...long], bounded)
    expect(bounded.remaining).toBe(-1)
  })
})

describe('compareKeys', () => {
  it('orders by length in UTF-8, then bytewise', () => {
    const sorted = ['', 'a', 'b', 'aa', 'ab', 'ü', 'aaa', '\uffff', 'aaaa', 'üü', '\ud800\udc00', '\udbff\udfff', 'aüü']
    for (const [i, a] of sorted.entries()) {
      for (const [j, b] of sorted.entries()) expect(Math.sign(compareKeys(a, b))).toBe(Math.sign(i - j))
    }
  })

  it('is the order in which keys are written and read', () => {
    const text = anyText({ maxLength: 6 }).filter((key) => key !== '__proto__')
    void fc.assert(
      fc.property(fc.uniqueArray(text, { maxLength: 12 }), (keys) => {
        const map = decodeCbor(encodeCbor(Object.fromEntries(keys.map((key) => [key, 0]))))
        // Whole numbers come first among the keys of an object, whatever their order in the bytes.
        const numeric = (key: string): boolean => String(Number(key) >>> 0) === key
        const read = Object.keys(map as object).filter((key) => !numeric(key))
        expect(read).toEqual(keys.filter((key) => !numeric(key)).sort(compareKeys))
      }),
      shortRuns(500),
    )
  })
})

describe('compareBytes', () => {
  it('orders bytewise, a beginning before the whole', () => {
    const sorted = ['', '00', '0000', '0001', '01', '0100', '7f', '80', 'ff', 'ff00'].map(hex)
    for (const [i, a] of sorted.entries()) {
      for (const [j, b] of sorted.entries()) {
        expect(Math.sign(compareBytes(a, b))).toBe(Math.sign(i - j))
        expect(bytesEqual(a, b)).toBe(i === j)
      }
    }
  })
})

describe('deepFreeze', () => {
  it('freezes all but bytes', () => {
    const value = deepFreeze({ a: [{ b: 1 }], c: filled(3), d: cidOf(filled(32)) } as IpldValue) as {
      a: { b: number }[]
      c: Uint8Array
      d: { bytes: Uint8Array }
    }
    expect(() => Object.assign(value, { e: 1 })).toThrow(TypeError)
    expect(() => value.a.push({ b: 2 })).toThrow(TypeError)
    expect(() => Object.assign(value.a[0] as object, { b: 2 })).toThrow(TypeError)
    expect(() => Object.assign(value.d, { bytes: filled(3) })).toThrow(TypeError)
    expect(String(value.d)).toBe(String(cidOf(filled(32))))
    expect(deepFreeze(null)).toBeNull()
    expect(deepFreeze('a')).toBe('a')
    expect(deepFreeze(filled(2))).toEqual(filled(2))
  })
})

describe('kinds of values', () => {
  it('are distinguished', () => {
    for (const value of kinds) {
      const name = isList(value) ? 'list' : isBytes(value) ? 'bytes' : isMap(value) ? 'map' : 'other'
      const plain = Object.prototype.toString.call(value)
      expect([plain, name]).toEqual([
        plain,
        { '[object Array]': 'list', '[object Uint8Array]': 'bytes', '[object Object]': 'map' }[plain] ?? 'other',
      ])
    }
    expect(isMap(undefined)).toBe(false)
  })
})

describe('concatBytes', () => {
  it('joins into new bytes', () => {
    const part = filled(3)
    const joined = concatBytes([part, new Uint8Array(), filled(2, 9)])
    expect(joined).toEqual(new Uint8Array([...filled(3), ...filled(2, 9)]))
    part.fill(0)
    expect(joined.subarray(0, 3)).toEqual(filled(3))
    expect(concatBytes([])).toEqual(new Uint8Array())
  })
})
