import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as node from '../../src/ipld/base64/node.ts'
import * as web from '../../src/ipld/base64/web.ts'
import { shortRuns } from '../property/runs.ts'

/** Text near base64url: its digits, digits of other bases, padding, space, and characters beyond a byte. */
const digits = 'ABCZabz019-_AAAAQgw'
const nearly = fc.array(fc.constantFrom(...`${digits}${digits}+/= \n\u0000\u00e9\u0141\u{1f600}`), { maxLength: 12 })

function sizeOf(text: string): number {
  return Math.floor((text.length * 6) / 8)
}

describe('base64url', () => {
  it('is the same on Node and elsewhere', () => {
    void fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const text = node.encode(bytes)
        expect(web.encode(bytes)).toBe(text)
        for (const platform of [node, web]) expect(platform.decode(text, bytes.length)).toEqual(bytes)
      }),
    )
  })

  it('ENC-01 is refused on both for the same texts [attack 28]', () => {
    const seen = { accepted: 0, refused: 0 }
    void fc.assert(
      fc.property(nearly, (characters) => {
        const text = characters.join('')
        const read = node.decode(text, sizeOf(text))
        expect(web.decode(text, sizeOf(text))).toEqual(read)
        if (read === undefined) seen.refused++
        else {
          seen.accepted++
          expect(node.encode(read)).toBe(text)
        }
      }),
      shortRuns(3000),
    )
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(50)
  })

  it('throws a mistake of the program, which is not text of another form', () => {
    for (const platform of [node, web]) expect(() => platform.decode(undefined as never, 1)).toThrow(TypeError)
  })

  it('writes part of a larger buffer, and reads into memory that nothing else uses', () => {
    const part = Buffer.from('xxsecretxx').subarray(2, 8)
    expect(node.encode(part)).toBe('c2VjcmV0')
    expect(node.decode('c2VjcmV0', 6)?.buffer.byteLength).toBe(6)
  })
})
