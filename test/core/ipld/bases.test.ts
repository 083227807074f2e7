import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { base32 } from 'multiformats/bases/base32'
import { base58btc } from 'multiformats/bases/base58'
import { describe, expect, it } from 'vitest'
import { multibase32 } from '../../../src/core/ipld/multibase32.ts'
import { decodeShortBase58 } from '../../../src/core/ipld/short-base58.ts'
import * as node from '../../../src/support/platform/node.ts'
import * as web from '../../../src/support/platform/web.ts'
import { shortRuns } from '../../property/runs.ts'

/** Text near base64: its digits, digits of other bases, padding, space, and characters beyond a byte. */
const digits = 'ABCZabz019-_AAAAQgw'
const nearly = fc.array(fc.constantFrom(...`${digits}${digits}+/+/== \n\u0000\u00e9\u0141\u{1f600}`), { maxLength: 12 })

describe.each(['base64', 'base64url'] as const)('%s', (alphabet) => {
  it('is the same on Node and elsewhere', () => {
    void fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const text = node.encode(bytes, alphabet)
        expect(web.encode(bytes, alphabet)).toBe(text)
        for (const platform of [node, web]) expect(platform.decode(text, alphabet)).toEqual(bytes)
      }),
    )
    const long = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7)
    const text = node.encode(long, alphabet)
    expect(web.encode(long, alphabet)).toBe(text)
    for (const platform of [node, web]) expect(platform.decode(text, alphabet)).toEqual(long)
  })

  it('ENC-01 is refused on both for the same texts [attack 28]', () => {
    const seen = { accepted: 0, refused: 0 }
    void fc.assert(
      fc.property(nearly, (characters) => {
        const text = characters.join('')
        const read = node.decode(text, alphabet)
        expect(web.decode(text, alphabet)).toEqual(read)
        if (read === undefined) seen.refused++
        else {
          seen.accepted++
          expect(node.encode(read, alphabet)).toBe(text)
        }
      }),
      shortRuns(3000, 4),
    )
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(50)
  })

  it('writes part of a larger buffer, and reads into memory that nothing else uses', () => {
    const part = Buffer.from('xxsecretxx').subarray(2, 8)
    expect(node.encode(part, alphabet)).toBe('c2VjcmV0')
    expect(node.decode('c2VjcmV0', alphabet)?.buffer.byteLength).toBe(6)
  })
})

it('the text of bytes in base32 is the one of `multiformats`', () => {
  void fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(3), (bytes, start) => {
      const part = bytes.subarray(start)
      expect(multibase32(part)).toBe(base32.encode(part))
    }),
    {
      ...shortRuns(3000, 4),
      examples: Array.from({ length: 16 }, (_, length) => [new Uint8Array(length).fill(255), 0]),
    },
  )
})

describe('a short text of base58', () => {
  const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  const digits = fc.array(fc.constantFrom(...alphabet), { maxLength: 64 }).map((list) => list.join(''))

  it('is read as multiformats reads it', () => {
    void fc.assert(
      fc.property(
        fc.oneof(
          digits,
          digits.map((text) => `111${text.slice(3)}`),
        ),
        (text) => {
          expect(decodeShortBase58(text)).toEqual(base58btc.baseDecode(text))
        },
      ),
      shortRuns(3000, 4),
    )
  })

  it('is read into the bytes of which it was written', () => {
    const bytes = fc.uint8Array({ maxLength: 46 })
    const zeros = fc.nat(4).map((count) => new Uint8Array(count))
    void fc.assert(
      fc.property(zeros, bytes, fc.nat(4), (before, middle, after) => {
        const all = Uint8Array.of(...before, ...middle, ...new Uint8Array(after)).subarray(0, 46)
        expect(decodeShortBase58(base58btc.baseEncode(all))).toEqual(all)
      }),
      shortRuns(3000, 4),
    )
    for (let length = 0; length <= 46; length++) {
      for (const value of [0, 1, 0xff]) {
        const all = new Uint8Array(length).fill(value)
        expect(decodeShortBase58(base58btc.baseEncode(all))).toEqual(all)
      }
    }
  })

  it('is left to the general decoder with any other character, and with more digits', () => {
    for (let code = 0; code < 0x200; code++) {
      const character = String.fromCharCode(code)
      const read = decodeShortBase58(`2g${character}`)
      if (alphabet.includes(character)) expect(read).toEqual(base58btc.baseDecode(`2g${character}`))
      else expect(read).toBeUndefined()
    }
    expect(decodeShortBase58('\u{1f600}')).toBeUndefined()
    expect(decodeShortBase58('2'.repeat(65))).toBeUndefined()
  })
})
