import * as fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create as createMultihash } from 'multiformats/hashes/digest'
import { expect, it } from 'vitest'
import { cidOf } from '../../../src/core/ipld/cid.ts'
import { cidText } from '../../../src/core/ipld/cid-text.ts'
import { shortRuns } from '../../property/runs.ts'

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 })

it('the text of the CID of a token is the one that `multiformats` writes', () => {
  void fc.assert(
    fc.property(digest, (bytes) => {
      const cid = cidOf(bytes)
      expect(cidText(cid)).toBe(cid.toString())
      expect(CID.parse(cidText(cid)).bytes).toEqual(cid.bytes)
    }),
    { ...shortRuns(2000), examples: [[new Uint8Array(32)], [new Uint8Array(32).fill(255)]] },
  )
})

it('the text of a CID of another version, codec, hash or length is too', () => {
  void fc.assert(
    fc.property(digest, fc.nat({ max: 40 }), fc.constantFrom(0x55, 0x70, 0x71), (bytes, length, codec) => {
      const short = bytes.slice(0, length)
      const cids = [
        CID.createV0(createMultihash(0x12, bytes)),
        CID.createV1(codec, createMultihash(0x12, bytes)),
        CID.createV1(codec, createMultihash(0x00, short)),
        CID.createV1(codec, createMultihash(0x1b, short)),
      ]
      for (const cid of cids) expect(cidText(cid)).toBe(cid.toString())
    }),
    shortRuns(1000),
  )
})
