import * as fc from 'fast-check'
import { varint } from 'multiformats'
import { describe, expect, it } from 'vitest'
import { decodeVarint } from '../../../src/core/ipld/varint.ts'
import { hex, refusalOf } from './support.ts'

describe('varints', () => {
  it.each([
    [0, '00'],
    [1, '01'],
    [127, '7f'],
    [128, '8001'],
    [0xed, 'ed01'],
    [0x1200, '8024'],
    [16_384, '808001'],
    [2 ** 31, '8080808008'],
    [2 ** 32 + 1, '8180808010'],
    [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
  ])('reads %i', (value, bytes) => {
    expect(decodeVarint(hex(bytes))).toEqual([value, bytes.length / 2])
    expect(decodeVarint(hex(`ffff${bytes}ff`), 2)).toEqual([value, bytes.length / 2])
  })

  it('are read as multiformats writes them', () => {
    void fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const bytes = varint.encodeTo(value, new Uint8Array(varint.encodingLength(value)))
        expect(decodeVarint(bytes)).toEqual([value, bytes.length])
      }),
    )
  })

  it('ENC-03 refuses longer spellings, cut ones and numbers beyond 2^53 - 1 [attack 61]', () => {
    for (const bytes of [
      '',
      '80',
      'ed',
      'ffff',
      '8000',
      'ed8100',
      '808000',
      'ed818000',
      'ffffffffffffff10',
      'ffffffffffffff7f',
      '8080808080808080 01',
      'ffffffffffffffffffff01',
      '8080808080808000',
    ]) {
      expect(refusalOf(() => decodeVarint(hex(bytes))).requirement).toBe('ENC-03')
    }
    expect(refusalOf(() => decodeVarint(hex('01'), 1)).requirement).toBe('ENC-03')
  })
})
