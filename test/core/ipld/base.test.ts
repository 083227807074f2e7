import * as fc from 'fast-check'
import { base58btc } from 'multiformats/bases/base58'
import { describe, expect, it } from 'vitest'
import {
  decodeBase58btc,
  decodeBase64,
  decodeBase64url,
  encodeBase58btc,
  encodeBase64,
  encodeBase64url,
} from '../../../src/core/ipld/base.ts'
import { decodeHex, encodeHex } from '../../../src/core/ipld/hex.ts'
import { shortRuns } from '../../property/runs.ts'
import { costOf } from '../../support/cost.ts'
import { filled, refusalOf } from './support.ts'

interface Base {
  readonly encode: (bytes: Uint8Array) => string
  readonly decode: (text: string, maxBytes?: number) => Uint8Array
  /** The output of another implementation. */
  readonly other: (bytes: Uint8Array) => string
}

const bases: Readonly<Record<string, Base>> = {
  base64: { encode: encodeBase64, decode: decodeBase64, other: (bytes) => Buffer.from(bytes).toString('base64') },
  base64url: {
    encode: encodeBase64url,
    decode: decodeBase64url,
    other: (bytes) => Buffer.from(bytes).toString('base64url'),
  },
  hex: { encode: encodeHex, decode: decodeHex, other: (bytes) => Buffer.from(bytes).toString('hex') },
  base58btc: { encode: encodeBase58btc, decode: decodeBase58btc, other: (bytes) => base58btc.baseEncode(bytes) },
}

describe.each(Object.entries(bases))('%s', (_, { encode, decode, other }) => {
  it('writes as other implementations do, and reads back', () => {
    for (let length = 0; length <= 70; length++) {
      for (const bytes of [filled(length), new Uint8Array(length), new Uint8Array(length).fill(255)]) {
        expect(encode(bytes)).toBe(other(bytes))
        expect(decode(other(bytes))).toEqual(bytes)
      }
    }
    void fc.assert(
      fc.property(fc.uint8Array({ maxLength: 128 }), (bytes) => {
        expect(encode(bytes)).toBe(other(bytes))
        expect(decode(encode(bytes))).toEqual(bytes)
      }),
      shortRuns(300),
    )
  })

  it('ENC-01 takes no text but its own', () => {
    const text = encode(filled(35))
    for (const character of [' ', '\n', '\t', '=', '!', '\u0000', 'é', '\u0141', '\uff21', '😀', '%']) {
      for (const at of [0, 1, 7, text.length - 1, text.length]) {
        const wrong = text.slice(0, at) + character + text.slice(at)
        expect(refusalOf(() => decode(wrong)).requirement).toBe('ENC-01')
        const instead = text.slice(0, at) + character + text.slice(at + 1)
        if (instead !== text) expect(refusalOf(() => decode(instead)).requirement).toBe('ENC-01')
      }
    }
    void fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 12 }), fc.base64String({ maxLength: 12 })), (any) => {
        let bytes: Uint8Array
        try {
          bytes = decode(any)
        } catch {
          return
        }
        expect(encode(bytes)).toBe(any)
      }),
      shortRuns(1000),
    )
  })

  it('ENC-02 refuses text that is too long before reading it [attack 62]', () => {
    expect(decode(encode(filled(16)), 16)).toEqual(filled(16))
    for (const length of [17, 18, 32, 64]) {
      const refusal = refusalOf(() => decode(encode(filled(length)), 16))
      expect([refusal.requirement, refusal.kind]).toEqual(['ENC-02', 'too_large'])
    }
    const long = encode(filled(64)).slice(0, 64).repeat(65_536)
    expect(costOf(() => expect(refusalOf(() => decode(long)).requirement).toBe('ENC-02'))).toBeLessThan(1)
  })
})

describe('decodeBase64url', () => {
  it('ENC-01 refuses ten other spellings of one text [attack 36]', () => {
    const text = encodeBase64url(new Uint8Array([0xfb, 0xff, 0x10, 0x80]))
    expect(text).toBe('-_8QgA')
    for (const spelling of [
      '-_8QgA==',
      '-_8QgA=',
      '+/8QgA',
      '+_8QgA',
      '-_8QgB',
      '-_8QgP',
      ' -_8QgA',
      '-_8QgA\n',
      '-_8 QgA',
      '-_8Qg',
      '-_8QgA\u0000',
    ]) {
      expect(refusalOf(() => decodeBase64url(spelling)).requirement).toBe('ENC-01')
    }
  })
})

describe('decodeBase64', () => {
  it('ENC-01 names common mistakes: a scheme in front, or a line end', () => {
    for (const wrong of ['Bearer AAAA', 'AAAA\n']) {
      for (const decode of [decodeBase64, decodeBase64url]) {
        expect(refusalOf(() => decode(wrong)).message).toMatch(/no white space, no word before it/)
      }
    }
  })

  it('ENC-01 requires exact padding [attack 36]', () => {
    expect(decodeBase64('AQ==')).toEqual(new Uint8Array([1]))
    expect(decodeBase64('AQI=')).toEqual(new Uint8Array([1, 2]))
    for (const wrong of [
      'AQ',
      'AQ=',
      'AQ===',
      'AQI',
      'AQI==',
      'AQID=',
      'AQID====',
      'A===',
      '====',
      '=',
      'AR==',
      'AQJ=',
      'AQ==AQ==',
      'A=Q=',
    ]) {
      expect(refusalOf(() => decodeBase64(wrong)).requirement).toBe('ENC-01')
    }
  })
})

describe('decodeHex', () => {
  it('ENC-01 refuses half a byte and capitals', () => {
    for (const wrong of ['a', 'abc', 'AB', '0x00', 'g0']) {
      expect(refusalOf(() => decodeHex(wrong)).requirement).toBe('ENC-01')
    }
  })
})

describe('decodeBase58btc', () => {
  it('keeps leading zeros apart, and refuses the four letters that look like others', () => {
    expect(decodeBase58btc('')).toEqual(new Uint8Array())
    expect(decodeBase58btc('111')).toEqual(new Uint8Array(3))
    expect(decodeBase58btc('1112')).toEqual(new Uint8Array([0, 0, 0, 1]))
    expect(encodeBase58btc(new Uint8Array([0, 0, 0, 1]))).toBe('1112')
    for (const wrong of ['0', 'O', 'I', 'l']) expect(refusalOf(() => decodeBase58btc(wrong)).requirement).toBe('ENC-01')
    expect(decodeBase58btc('1'.repeat(128))).toEqual(new Uint8Array(128))
    expect(refusalOf(() => decodeBase58btc('1'.repeat(129))).requirement).toBe('ENC-02')
  })
})
