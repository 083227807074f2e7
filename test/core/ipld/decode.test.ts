import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { decodeCbor } from '../../../src/core/ipld/decode.ts'
import { encodeCbor } from '../../../src/core/ipld/encode.ts'
import { isCid } from '../../../src/core/ipld/value.ts'
import { ArgumentError, type MalformedError } from '../../../src/errors.ts'
import { mutateBytes } from '../../fuzz/mutate.ts'
import { randomOf } from '../../fuzz/random.ts'
import { hex, refusalOf } from './support.ts'

/** Refused with this requirement, at this byte. */
function refuses(requirement: string, rows: readonly (readonly [what: string, bytes: string, at: number])[]): void {
  for (const [what, bytes, at] of rows) {
    const refusal = refusalOf(() => decodeCbor(hex(bytes)))
    expect(`${what}: ${refusal.requirement} ${refusal.message}`).toBe(
      `${what}: ${requirement} ${refusal.message.replace(/ at byte \d+$/, '')} at byte ${at}`,
    )
  }
}

const tokenLink = `d82a5825000171 1220${'11'.repeat(32)}`.replaceAll(' ', '')

describe('decodeCbor', () => {
  it.each<[string, unknown]>([
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['18ff', 255],
    ['190100', 256],
    ['19ffff', 65_535],
    ['1a00010000', 65_536],
    ['1affffffff', 4_294_967_295],
    ['1b0000000100000000', 4_294_967_296],
    ['1b001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['20', -1],
    ['3818', -25],
    ['3b001ffffffffffffe', Number.MIN_SAFE_INTEGER],
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['fb3ff199999999999a', 1.1],
    ['fb0000000000000001', 5e-324],
    ['60', ''],
    ['6161', 'a'],
    ['62c3bc', 'ü'],
    ['64f09f9880', '😀'],
    ['63efbbbf', '\ufeff'],
    [`7818${'61'.repeat(24)}`, 'a'.repeat(24)],
    [`781c${'c3bc'.repeat(14)}`, 'ü'.repeat(14)],
    ['40', new Uint8Array()],
    ['43010203', new Uint8Array([1, 2, 3])],
    ['80', []],
    ['8301820203f6', [1, [2, 3], null]],
  ])('reads %s', (bytes, value) => {
    expect(decodeCbor(hex(bytes))).toStrictEqual(value)
  })

  it('reads maps in canonical order', () => {
    const map = decodeCbor(hex('a3 6162 01 6163 02 626161 03')) as object
    expect(Object.entries(map)).toEqual([
      ['b', 1],
      ['c', 2],
      ['aa', 3],
    ])
  })

  it('reads links of every kind', () => {
    const link = decodeCbor(hex(tokenLink)) as CID
    expect(isCid(link)).toBe(true)
    expect(link.equals(CID.decode(hex(tokenLink.slice(10))))).toBe(true)
    expect([link.version, link.code, link.multihash.code, link.multihash.size]).toEqual([1, 0x71, 0x12, 32])
    const raw = decodeCbor(hex(`d82a5825000155 1220${'22'.repeat(32)}`)) as CID
    expect([raw.version, raw.code]).toEqual([1, 0x55])
    const old = decodeCbor(hex(`d82a5823 00 1220${'33'.repeat(32)}`)) as CID
    expect([old.version, old.code, String(old).slice(0, 2)]).toEqual([0, 0x70, 'Qm'])
    const identity = decodeCbor(hex('d82a 48 00 01 55 00 03 616263')) as CID
    expect([identity.multihash.code, identity.multihash.size]).toEqual([0, 3])
  })

  it('CBR-01 refuses anything behind the value', () => {
    refuses('CBR-01', [
      ['another value', '0000', 1],
      ['a break', 'f6ff', 1],
      ['after a map', 'a0f6', 1],
    ])
  })

  it('CBR-02 refuses input that ends early, and lengths beyond it [attack 34]', () => {
    refuses('CBR-02', [
      ['nothing', '', 0],
      ['half a number', '19ff', 1],
      ['no number', '18', 1],
      ['list of 2^32 - 1', '9affffffff', 5],
      ['list of 2^53', '9b0020000000000000', 9],
      ['list of 2^64 - 1', '9bffffffffffffffff', 9],
      ['map of 2^32 - 1', 'baffffffff', 5],
      ['map of 2^64 - 1', 'bbffffffffffffffff', 9],
      ['bytes of 2^32 - 1', '5affffffff', 5],
      ['bytes of 2^64 - 1', '5bffffffffffffffff', 9],
      ['text of 2^32 - 1', '7affffffff', 5],
      ['list without its second', '8201', 1],
      ['map without its value', 'a16161', 3],
      ['map with half of its entries', 'a2616100', 1],
      ['tag without content', 'd82a', 2],
      ['half a float', 'fb3ff19999', 1],
      ['link shorter than its length', 'd82a58250001', 4],
    ])
  })

  it('CBR-03 refuses numbers and lengths that are longer than they need be [attack 28]', () => {
    refuses('CBR-03', [
      ['0 in one byte more', '1800', 0],
      ['23', '1817', 0],
      ['255 in two', '1900ff', 0],
      ['65,535 in four', '1a0000ffff', 0],
      ['2^32 - 1 in eight', '1b00000000ffffffff', 0],
      ['-24', '3817', 0],
      ['-256 in two', '3900ff', 0],
      ['length of text', '780161', 0],
      ['length of bytes', '580101', 0],
      ['length of a list', '980101', 0],
      ['length of a map', 'b801616101', 0],
      ['length of a key', 'a178016101', 1],
      ['tag 42 in two', 'd9002a4100', 0],
    ])
  })

  it('CBR-04 refuses keys out of order [attack 28]', () => {
    refuses('CBR-04', [
      ['b before a', 'a2 616201 616101', 4],
      ['longer before shorter', 'a2 62616101 616201', 5],
      ['not as in lexical order', 'a2 62616101 617a01', 5],
      ['last of three', 'a3 616101 616301 616201', 7],
      ['in the map inside', 'a1 6161 a2 616201 616101', 7],
      ['UTF-8 above ASCII', 'a2 62c3bc01 62616101', 5],
    ])
  })

  it('CBR-05 refuses a key that is there twice [attack 29]', () => {
    refuses('CBR-05', [
      ['with the same value', 'a2 616101 616101', 4],
      ['with another value', 'a2 616101 616102', 4],
      ['empty', 'a2 6001 6002', 3],
    ])
    expect(refusalOf(() => decodeCbor(hex('a3636261720363666f6f0163666f6f02'))).requirement).toBe('CBR-05')
  })

  it('CBR-06 refuses keys that are not text', () => {
    refuses('CBR-06', [
      ['number', 'a10001', 1],
      ['bytes', 'a1416101', 1],
      ['list', 'a18001', 1],
      ['null', 'a1f601', 1],
      ['link', `a1${tokenLink}01`, 1],
    ])
  })

  it('CBR-07 refuses the key __proto__ [attack 42]', () => {
    const proto = '69 5f5f70726f746f5f5f'
    refuses('CBR-07', [
      ['with a map', `a1 ${proto} a1 616101`, 1],
      ['with null', `a1 ${proto} f6`, 1],
      ['in the map inside', `a1 6161 a1 ${proto} f6`, 4],
    ])
  })

  it('CBR-08 refuses text that is not UTF-8 [attack 30]', () => {
    const bad = {
      'a byte of no character': 'ff',
      'a lone continuation': '80',
      'a cut character': 'c3',
      'an overlong zero': 'c080',
      'an overlong slash': 'c0af',
      'an overlong slash of three': 'e080af',
      'a high surrogate': 'eda080',
      'a pair of surrogates': 'eda0bdedb880',
      'beyond U+10FFFF': 'f4908080',
      'five bytes': 'f888808080',
    }
    for (const [what, bytes] of Object.entries(bad)) {
      const head = (0x60 + bytes.length / 2).toString(16)
      refuses('CBR-08', [
        [what, head + bytes, 1],
        [`${what}, as a key`, `a1${head}${bytes}01`, 2],
        [`${what}, in long text`, `78${(30 + bytes.length / 2).toString(16)}${'61'.repeat(30)}${bytes}`, 2],
      ])
    }
  })

  it('CBR-09 refuses indefinite and reserved lengths [attack 28]', () => {
    refuses('CBR-09', [
      ['bytes', '5f4101ff', 0],
      ['text', '7f6161ff', 0],
      ['list', '9f01ff', 0],
      ['map', 'bf616101ff', 0],
      ['number', '1f', 0],
      ['reserved 28', '1c', 0],
      ['reserved 29', '5d', 0],
      ['reserved 30', '9e', 0],
      ['tag', 'df', 0],
    ])
  })

  it('CBR-10 refuses floats of 16 and 32 bits [attack 28]', () => {
    refuses('CBR-10', [
      ['half', 'f93c00', 0],
      ['half NaN', 'f97e00', 0],
      ['single', 'fa3f800000', 0],
      ['in a list', '81f93c00', 1],
    ])
  })

  it('CBR-11 refuses NaN and the infinities', () => {
    refuses('CBR-11', [
      ['NaN', 'fb7ff8000000000000', 0],
      ['another NaN', 'fbfff8000000000001', 0],
      ['infinity', 'fb7ff0000000000000', 0],
      ['negative infinity', 'fbfff0000000000000', 0],
    ])
  })

  it('CBR-12 refuses undefined and other simple values [attack 28]', () => {
    refuses('CBR-12', [
      ['undefined', 'f7', 0],
      ['unassigned', 'e0', 0],
      ['unassigned 19', 'f3', 0],
      ['in a byte', 'f8ff', 0],
      ['true in a byte', 'f815', 0],
      ['a lone break', 'ff', 0],
      ['reserved', 'fc', 0],
      ['undefined in a map', 'a16161f7', 3],
    ])
  })

  it('CBR-13 refuses tags other than 42', () => {
    refuses('CBR-13', [
      ['date', 'c074323031332d30332d32315432303a30343a30305a', 0],
      ['big number', 'c249010000000000000000', 0],
      ['tag 41', 'd8294100', 0],
      ['tag 43', 'd82b4100', 0],
      ['self-described', 'd9d9f700', 0],
    ])
  })

  it('CBR-14 refuses links that are not exactly one CID [attack 40]', () => {
    const digest = '11'.repeat(32)
    refuses('CBR-14', [
      ['text', 'd82a6100', 0],
      ['null', 'd82af6', 0],
      ['link of a link', `d82a${tokenLink}`, 0],
      ['empty', 'd82a40', 0],
      ['only the zero', 'd82a4100', 0],
      ['no zero', `d82a582401711220${digest}`, 0],
      ['another prefix', `d82a58250101711220${digest}`, 0],
      ['one byte more', `d82a58260001711220${digest}00`, 0],
      ['one byte less', `d82a58240001711220${digest.slice(2)}`, 0],
      ['version 2', `d82a58250002711220${digest}`, 0],
      ['version 0 with a codec', `d82a58250000701220${digest}`, 0],
      ['version in two bytes', `d82a5826008100711220${digest}`, 0],
      ['codec in two bytes', `d82a58260001f1001220${digest}`, 0],
      ['size in two bytes', `d82a5826000171 12a000${digest}`, 0],
      ['no multihash', 'd82a43000171', 0],
    ])
  })

  it('CBR-15 refuses numbers beyond 2^53 - 1, written as a float too [attack 32]', () => {
    refuses('CBR-15', [
      ['2^53', '1b0020000000000000', 0],
      ['2^53 + 1', '1b0020000000000001', 0],
      ['2^64 - 1', '1bffffffffffffffff', 0],
      ['-2^53', '3b001fffffffffffff', 0],
      ['-2^64', '3bffffffffffffffff', 0],
      ['float 2^53', 'fb4340000000000000', 0],
      ['float -2^53', 'fbc340000000000000', 0],
      ['float 1e300', 'fb7e37e43c8800759c', 0],
    ])
    expect(decodeCbor(hex('fb433fffffffffffff'))).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('CBR-16 refuses more than 32 levels [attack 33]', () => {
    expect(decodeCbor(hex(`${'81'.repeat(32)}00`))).toBeDefined()
    expect(decodeCbor(hex(`${'a16161'.repeat(32)}00`))).toBeDefined()
    expect(decodeCbor(hex(`82${'81'.repeat(31)}00${'81'.repeat(31)}00`))).toBeDefined()
    for (const level of ['81', 'a16161']) {
      const refusal = refusalOf(() => decodeCbor(hex(`${level.repeat(33)}00`)))
      expect([refusal.requirement, refusal.kind]).toEqual(['CBR-16', 'too_large'])
    }
    expect(refusalOf(() => decodeCbor(hex('8180'), { depth: 1 })).requirement).toBe('CBR-16')
  })

  it('CBR-17 refuses more than 8,192 items, before reading them', () => {
    const list = (count: number): Uint8Array => hex(`99${count.toString(16).padStart(4, '0')}${'00'.repeat(count)}`)
    expect(decodeCbor(list(8191))).toHaveLength(8191)
    const refusal = refusalOf(() => decodeCbor(list(8192)))
    expect([refusal.requirement, refusal.kind, refusal.message]).toEqual([
      'CBR-17',
      'too_large',
      'more than 8192 items at byte 3',
    ])
    // A list of empty lists, each within its own bound.
    expect(refusalOf(() => decodeCbor(hex(`82${'8380 80 80'.repeat(2)}`), { items: 8 })).requirement).toBe('CBR-17')
    // Keys count as well: one map, two keys, two values.
    expect(decodeCbor(hex('a2616100616200'), { items: 5 })).toBeDefined()
    expect(refusalOf(() => decodeCbor(hex('a2616100616200'), { items: 4 })).requirement).toBe('CBR-17')
  })

  it('CBR-18 refuses text and bytes beyond the limit', () => {
    const rows: [bytes: string, at: number][] = [
      ['43010203', 0],
      ['63616263', 0],
      ['8243010203 00', 1],
      ['a16361626300', 1],
      [`d82a${tokenLink.slice(4)}`, 2],
    ]
    for (const [bytes, at] of rows) {
      const refusal = refusalOf(() => decodeCbor(hex(bytes), { stringBytes: 2 }))
      expect([refusal.requirement, refusal.kind]).toEqual(['CBR-18', 'too_large'])
      expect(refusal.message).toBe(`the string is longer than 2 bytes at byte ${at}`)
    }
    expect(decodeCbor(hex('43010203'), { stringBytes: 3 })).toHaveLength(3)
  })

  it('CBR-19 refuses input that is too long, before looking at it', () => {
    const refusal = refusalOf(() => decodeCbor(new Uint8Array(65_537)))
    expect([refusal.requirement, refusal.kind]).toEqual(['CBR-19', 'too_large'])
    expect(refusalOf(() => decodeCbor(hex('8100'), { bytes: 1 })).requirement).toBe('CBR-19')
  })

  it('CBR-20 gives maps without prototype, and values that own their memory [attack 42]', () => {
    const input = hex(`a4 6161 4101 6162 ${tokenLink} 68746f537472696e67 f6 6b636f6e7374727563746f72 f6`)
    const map = decodeCbor(input) as { a: Uint8Array; b: CID }
    expect(Object.getPrototypeOf(map)).toBeNull()
    expect(Object.hasOwn(map, 'constructor')).toBe(true)
    expect('hasOwnProperty' in map).toBe(false)
    const text = String(map.b)
    input.fill(0xff)
    expect([map.a, String(CID.decode(map.b.bytes))]).toEqual([new Uint8Array([1]), text])
    expect(map.a.buffer.byteLength).toBe(1)
    const inner = (decodeCbor(hex('81a0')) as object[])[0] as object
    expect(Object.getPrototypeOf(inner)).toBeNull()
  })

  it('CBR-20 gives plain bytes for the input of a subclass', () => {
    const bytes = decodeCbor(Buffer.from('43010203', 'hex'))
    expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
    const shared = new Uint8Array(new SharedArrayBuffer(4))
    shared.set(hex('43010203'))
    expect(decodeCbor(shared)).toEqual(new Uint8Array([1, 2, 3]))
  })

  it('CBR-21 takes a whole number in a float as that number [attack 31]', () => {
    expect(decodeCbor(hex('fb3ff0000000000000'))).toBe(1)
    expect(decodeCbor(hex('fb8000000000000000'))).toBe(-0)
    expect(decodeCbor(hex('fbc059000000000000'))).toBe(-100)
  })

  it('never shows content in a message', () => {
    const refusal = refusalOf(() => decodeCbor(hex('a2 66736563726574 01 66736563726574 01')))
    expect(refusal.message).not.toContain('secret')
    const value = { secret: 'secret', list: ['secret', { secret: new TextEncoder().encode('secret') }, 1.5, null] }
    const bytes = encodeCbor(value)
    const seen = new Set<string>()
    for (let turn = 0; turn < 2_000; turn++) {
      try {
        decodeCbor(mutateBytes(bytes, randomOf(turn)))
      } catch (error) {
        const { requirement, message } = error as MalformedError
        seen.add(requirement)
        expect(`${turn}: ${message}`).toMatch(/^\d+: [a-zA-Z0-9 ,;'`()±^_.:-]+$/)
        expect(message).not.toMatch(/secret|736563|c2VjcmV0/)
      }
    }
    expect(seen.size).toBeGreaterThan(8)
  })

  it('keeps each limit that is not given, and refuses a depth that the stack may not bear', () => {
    const limits = { depth: undefined, items: undefined, bytes: undefined, stringBytes: undefined } as object
    expect(refusalOf(() => decodeCbor(hex(`${'81'.repeat(33)}00`), limits)).requirement).toBe('CBR-16')
    expect(() => decodeCbor(hex('00'), { depth: 257 })).toThrow(ArgumentError)
    expect(() => decodeCbor('00' as unknown as Uint8Array)).toThrow(ArgumentError)
  })
})
