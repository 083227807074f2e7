import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as node from '../../src/ipld/bases/node.ts'
import * as web from '../../src/ipld/bases/web.ts'
import { shortRuns } from '../property/runs.ts'

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
