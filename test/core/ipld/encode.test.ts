import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { cidOf } from '../../../src/core/ipld/cid.ts'
import { decodeCbor } from '../../../src/core/ipld/decode.ts'
import { encodeCbor } from '../../../src/core/ipld/encode.ts'
import { ipldEquals } from '../../../src/core/ipld/equal.ts'
import type { IpldValue } from '../../../src/core/ipld/value.ts'
import { ArgumentError } from '../../../src/errors.ts'
import { filled, toHex } from './support.ts'

/** The message of the mistake that a value is. */
function mistake(value: unknown, name = 'args'): string {
  try {
    encodeCbor(value as IpldValue, name)
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError)
    return (error as Error).message
  }
  throw new Error('it was written')
}

describe('encodeCbor', () => {
  it.each<[IpldValue, string]>([
    [0, '00'],
    [-0, '00'],
    [1.0, '01'],
    [1.5, 'fb3ff8000000000000'],
    [-1, '20'],
    [Number.MAX_SAFE_INTEGER, '1b001fffffffffffff'],
    [Number.MIN_SAFE_INTEGER, '3b001ffffffffffffe'],
    [null, 'f6'],
    [true, 'f5'],
    [false, 'f4'],
    ['', '60'],
    ['😀', '64f09f9880'],
    [new Uint8Array([1]), '4101'],
    [[], '80'],
    [{}, 'a0'],
    [{ bb: 1, a: 2, c: 3 }, 'a361610261630362626201'],
    [cidOf(new Uint8Array(32)), `d82a58250001711220${'00'.repeat(32)}`],
  ])('writes %j', (value, bytes) => {
    expect(toHex(encodeCbor(value))).toBe(bytes)
  })

  it('writes the bytes of a Buffer, and of an array without prototype', () => {
    expect(toHex(encodeCbor(Buffer.from([1, 2])))).toBe('420102')
    expect(toHex(encodeCbor(Object.assign(Object.create(null) as object, { a: 1 }) as IpldValue))).toBe('a1616101')
  })

  it('writes maps that look like a link as maps', () => {
    const looks: IpldValue[] = [
      { '/': 'a', bytes: 'a' },
      { '/': 1, bytes: 1 },
      { '/': true, bytes: true },
      { '/': null, bytes: null },
      { '': 1, '/': 2, bytes: 2 },
      [{ x: { '/': 'a', bytes: 'a', asCID: 'a', other: [1] } }],
      { constructor: 'a', toString: 'b', hasOwnProperty: 'c' },
    ]
    for (const value of looks) expect(ipldEquals(decodeCbor(encodeCbor(value)), value)).toBe(true)
    const bytes = filled(36)
    expect(ipldEquals(decodeCbor(encodeCbor({ '/': bytes, bytes })), { '/': bytes, bytes })).toBe(true)
  })

  it('writes the CID of another copy of multiformats, and parses its bytes again', () => {
    class OtherCid {
      readonly '/': Uint8Array
      readonly bytes: Uint8Array
      constructor(bytes: Uint8Array) {
        this.bytes = bytes
        this['/'] = bytes
      }
    }
    const { bytes } = cidOf(filled(32))
    expect(encodeCbor(new OtherCid(bytes) as unknown as IpldValue)).toEqual(encodeCbor(CID.decode(bytes)))
    expect(mistake([new OtherCid(filled(36))])).toBe('`args[0]` is not a valid CID')
  })

  it('CBR-23 refuses a value without a form on the wire, and names its path', () => {
    class Money {
      readonly amount = 1
    }
    const cases: [unknown, string][] = [
      [undefined, '`args` is of type undefined, which is not supported'],
      [{ to: ['a', undefined] }, '`args.to[1]` is of type undefined, which is not supported'],
      [{ to: new Array(1) }, '`args.to[0]` is of type undefined, which is not supported'],
      [{ 'a b': { c: 1n } }, '`args["a b"].c` is of type bigint, which is not supported'],
      [{ f: () => 1 }, '`args.f` is of type function, which is not supported'],
      [[Symbol('a')], '`args[0]` is of type symbol, which is not supported'],
      [Number.NaN, '`args` is not a finite number'],
      [[Number.POSITIVE_INFINITY], '`args[0]` is not a finite number'],
      [{ wei: 1e18 }, '`args.wei` is beyond 2^53 - 1; pass it as a string'],
      [2 ** 53, '`args` is beyond 2^53 - 1; pass it as a string'],
      [-(2 ** 53), '`args` is beyond 2^53 - 1; pass it as a string'],
      [{ a: '\ud800' }, '`args.a` contains a lone surrogate'],
      ['\udc00', '`args` contains a lone surrogate'],
      ['\ud83d\ud83d\ude00', '`args` contains a lone surrogate'],
      [{ '\ud800': 1 }, '`args` contains a lone surrogate'],
      [JSON.parse('{"a":{"__proto__":1}}'), '`args.a` has the key `__proto__`'],
      [new Date(0), '`args` is an instance of a class; pass a plain object, an array, a Uint8Array or a CID'],
      [[new Map()], '`args[0]` is an instance of a class; pass a plain object, an array, a Uint8Array or a CID'],
      [
        { price: new Money() },
        '`args.price` is an instance of a class; pass a plain object, an array, a Uint8Array or a CID',
      ],
      [new Uint16Array(1), '`args` is an instance of a class; pass a plain object, an array, a Uint8Array or a CID'],
    ]
    for (const [value, message] of cases) expect(mistake(value)).toBe(message)
  })

  it('CBR-23 refuses cycles, more than 32 levels and more than 8,192 items', () => {
    const cycle: { self?: object } = {}
    cycle.self = cycle
    expect(mistake(cycle)).toMatch(/ is more than 32 levels deep$/)
    const nested = (levels: number): IpldValue => {
      let value: IpldValue = []
      for (let i = 1; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value }
      return value
    }
    expect(decodeCbor(encodeCbor(nested(32)))).toBeDefined()
    expect(mistake(nested(33))).toMatch(/ is more than 32 levels deep$/)
    expect(decodeCbor(encodeCbor(Array.from({ length: 8191 }, () => 0)))).toHaveLength(8191)
    expect(mistake(Array.from({ length: 8192 }, () => 0))).toBe('`args[8191]` has more than 8192 items')
    let wide: IpldValue = []
    for (let i = 0; i < 30; i++) wide = [wide, wide]
    expect(mistake(wide)).toMatch(/ has more than 8192 items$/)
  })

  it('CBR-24 writes each property with its checked value', () => {
    let reads = 0
    const value = {
      get amount() {
        return ++reads === 1 ? 1 : 1000
      },
    }
    expect(toHex(encodeCbor(value))).toBe('a166616d6f756e7401')
    expect(reads).toBe(1)
  })

  it('writes what @ipld/dag-cbor writes', () => {
    const value = { z: [1, 2.5, null], nonce: filled(12), links: [cidOf(filled(32))], ü: { '': 'x' } }
    expect(encodeCbor(value)).toEqual(new Uint8Array(dagCbor.encode(value)))
  })

  it('gives plain bytes of their own memory, however long', () => {
    for (const length of [0, 10, 300, 5000]) {
      const bytes = encodeCbor(['a'.repeat(length), new Uint8Array(length)])
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
      const cut = bytes.slice(0, 1)
      cut[0] = 0
      expect(bytes[0]).toBe(0x82)
    }
  })
})
