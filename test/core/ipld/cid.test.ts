import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { base32 } from 'multiformats/bases/base32'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { create as createMultihash } from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { encodeBase58btc } from '../../../src/core/ipld/base.ts'
import { cidOf, cidOfKey, cidTextOfKey, digestKey, isTokenCid } from '../../../src/core/ipld/cid.ts'
import { decodeCbor } from '../../../src/core/ipld/decode.ts'
import { ipldEquals } from '../../../src/core/ipld/equal.ts'
import { encodeHex } from '../../../src/core/ipld/hex.ts'
import { parseCid, parseTokenCid } from '../../../src/core/ipld/parse-cid.ts'
import { isCid } from '../../../src/core/ipld/value.ts'
import { ArgumentError } from '../../../src/errors.ts'
import { shortRuns } from '../../property/runs.ts'
import { filled, hex, refusalOf } from './support.ts'

const digest = filled(32)
const text = encodeHex(digest)

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}

/** Two hexadecimal digits. */
function byte(value: number): string {
  return value.toString(16).padStart(2, '0')
}

describe('cidOf', () => {
  it('CID-01 names bytes by their digest: version 1, dag-cbor, sha2-256', () => {
    const cid = cidOf(digest)
    expect(encodeHex(cid.bytes)).toBe(`01711220${text}`)
    expect(cid.equals(CID.decode(cid.bytes))).toBe(true)
    expect([cid.version, cid.code, cid.multihash.code, cid.multihash.digest]).toEqual([1, 0x71, 0x12, digest])
    expect(String(cid)).toBe(String(CID.decode(cid.bytes)))
  })

  it('CID-01 gives another CID for each bit that is flipped [attack 39]', () => {
    const token = filled(48)
    const names = new Set([digestKey(cidOf(sha256(token)).bytes)])
    for (let bit = 0; bit < token.length * 8; bit++) {
      const flipped = token.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      names.add(digestKey(cidOf(sha256(flipped)).bytes))
    }
    expect(names.size).toBe(token.length * 8 + 1)
  })

  it('keeps no hold of the digest, and takes 32 bytes only', () => {
    const own = digest.slice()
    const cid = cidOf(own)
    own.fill(0)
    expect(cid.multihash.digest).toEqual(digest)
    for (const length of [0, 20, 31, 33, 64]) expect(() => cidOf(new Uint8Array(length))).toThrow(ArgumentError)
  })
})

describe('a CID', () => {
  const forms = {
    token: `01711220${text}`,
    'dag-pb': `01701220${text}`,
    'sha2-512': `01711340${text}${text}`,
    identity: '0171 00 03 616263',
    'version 0': `1220 ${text}`,
  }

  it('is an instance of the class of multiformats, with the same facts', () => {
    for (const form of Object.values(forms)) {
      const ours = parseCid(hex(form))
      const theirs = CID.decode(hex(form))
      expect(ours).toBeInstanceOf(CID)
      expect(CID.asCID(ours)).toBe(ours)
      const facts = ({ version, code, multihash, bytes, byteOffset, byteLength }: CID) => {
        const { code: hash, size, digest, bytes: hashBytes } = multihash
        return { version, code, hash, size, digest, hashBytes, bytes, byteOffset, byteLength }
      }
      expect(facts(ours)).toEqual(facts(theirs))
      const texts = (cid: CID) => [String(cid), JSON.stringify(cid), inspect(cid), String(cid.toV1())]
      expect(texts(ours)).toEqual(texts(theirs))
      const others = [theirs, cidOf(new Uint8Array(32)), null]
      expect(others.map((other) => [ours.equals(other), other?.equals(ours)])).toEqual([
        [true, true],
        [false, false],
        [false, undefined],
      ])
    }
    expect(cidOf(digest).toString(base58btc)).toBe(CID.decode(hex(forms.token)).toString(base58btc))
    expect(String(parseCid(hex(forms['dag-pb'])).toV0())).toBe(String(parseCid(hex(forms['version 0']))))
  })

  it('keeps its own bytes, frozen or not', () => {
    const bytes = hex(forms['sha2-512'])
    const cid = Object.freeze(parseCid(bytes))
    const before = String(cid)
    bytes.fill(0)
    expect([String(cid), encodeHex(cid.bytes)]).toEqual([before, forms['sha2-512']])
    expect(String(CID.create(cid.version, cid.code, cid.multihash))).toBe(before)
  })

  it('can come from another copy of the library, but cannot be a map that looks like a CID', () => {
    const theirs = CID.decode(hex(forms.token))
    const { bytes } = theirs
    expect(isCid(theirs)).toBe(true)
    expect(ipldEquals(theirs, cidOf(digest))).toBe(true)
    for (const value of [{ '/': bytes, bytes }, bytes, null, 'b', Object.assign([1], { '/': bytes, bytes })])
      expect(isCid(value)).toBe(false)
  })
})

describe('parseTokenCid', () => {
  it('reads the one form, as bytes and in three bases', () => {
    const { bytes } = cidOf(digest)
    for (const form of [bytes, `z${encodeBase58btc(bytes)}`, base32.encode(bytes), `f${encodeHex(bytes)}`]) {
      const cid = parseTokenCid(form)
      expect(cid.equals(cidOf(digest))).toBe(true)
      expect(isTokenCid(cid)).toBe(true)
    }
    expect(parseTokenCid(String(cidOf(digest)))).toEqual(cidOf(digest))
    expect(parseTokenCid(CID.decode(bytes).toString(base58btc))).toEqual(cidOf(digest))
  })

  it('CID-02 refuses every other kind of CID [attack 40]', () => {
    const kinds = {
      identity: '0171 00 03 616263',
      raw: `0155 1220 ${text}`,
      'dag-pb': `0170 1220 ${text}`,
      'dag-json': `01a902 1220 ${text}`,
      'sha2-512': `0171 1340 ${text}${text}`,
      'sha3-256': `0171 1620 ${text}`,
      'blake2b-256': `0171 a0e40220 ${text}`,
      'a digest cut to 20 bytes': `0171 1214 ${text.slice(0, 40)}`,
      'version 0': `1220 ${text}`,
    }
    for (const [kind, bytes] of Object.entries(kinds)) {
      const refusal = refusalOf(() => parseTokenCid(hex(bytes)))
      expect([kind, refusal.requirement, refusal.kind]).toEqual([kind, 'CID-02', 'unsupported'])
      expect(isTokenCid(parseCid(hex(bytes)))).toBe(false)
    }
  })
})

describe('parseCid', () => {
  it('CID-03 refuses bytes that are not exactly one CID', () => {
    for (const bytes of [
      `01711220${text}00`,
      `01711220${text.slice(2)}`,
      `02711220${text}`,
      `00711220${text}`,
      `0155 0004 616263`,
      `1220 ${text}00`,
      `01711220${'00'.repeat(200)}`,
    ]) {
      expect(refusalOf(() => parseCid(hex(bytes))).requirement).toBe('CID-03')
    }
    for (const bytes of [
      ...['', '01', '0171', '017112', `8100711220${text}`, `920020${text}`, `12a000${text}`, `1214${text.slice(24)}`],
      ...[`01f1001220${text}`, `0171920020${text}`, `017112a000${text}`, `01f180001220${text}`, '0171 80 00 00'],
      ...[`01 8080808080808010 1220${text}`, `0171 8080808080808010 20${text}`, `01${'ff'.repeat(120)}0f`],
    ]) {
      expect([bytes, refusalOf(() => parseCid(hex(bytes))).requirement]).toEqual([bytes, 'CID-03'])
    }
  })

  it('CID-03 accepts no bytes but those that multiformats reads and writes back', () => {
    const version = fc.constantFrom('01', '01', '01', '00', '02', '8100')
    const number = fc.constantFrom('00', '12', '71', 'f101', 'f100', '80808010', '8080808080808010', 'ffffffffffffff0f')
    const near = fc.tuple(version, number, number, fc.uint8Array({ maxLength: 20 }), fc.constantFrom('', '', '', '00'))
    const seen = { accepted: 0, refused: 0 }
    void fc.assert(
      fc.property(near, ([first, codec, hash, rest, more]) => {
        const bytes = hex(first + codec + hash + byte(rest.length) + encodeHex(rest) + more)
        let cid: CID
        try {
          cid = parseCid(bytes)
        } catch (error) {
          expect(error).toMatchObject({ requirement: 'CID-03' })
          seen.refused++
          return
        }
        seen.accepted++
        const { version, code, multihash } = CID.decode(bytes)
        expect(CID.create(version, code, createMultihash(multihash.code, multihash.digest)).bytes).toEqual(bytes)
        expect(cid.bytes).toEqual(bytes)
      }),
      shortRuns(3000),
    )
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(20)
  })

  it('CID-04 refuses text in another base, and version 0 with a base', () => {
    const { bytes } = cidOf(digest)
    const old = hex(`1220${text}`)
    for (const other of [
      '',
      encodeBase58btc(bytes),
      base32.encode(bytes).toUpperCase(),
      `F${encodeHex(bytes).toUpperCase()}`,
      `m${Buffer.from(bytes).toString('base64')}`,
      `u${Buffer.from(bytes).toString('base64url')}`,
      encodeBase58btc(old),
      `z${encodeBase58btc(old)}`,
      base32.encode(old),
      ` ${base32.encode(bytes)}`,
    ]) {
      expect(refusalOf(() => parseCid(other)).requirement).toBe('CID-04')
    }
    for (const wrong of [
      `${base32.encode(bytes)} `,
      `${base32.encode(bytes)}=`,
      `f${encodeHex(bytes).toUpperCase()}`,
    ]) {
      expect(refusalOf(() => parseCid(wrong)).requirement).toBe('ENC-01')
    }
    expect(refusalOf(() => parseCid(`z${'2'.repeat(100_000)}`)).requirement).toBe('ENC-02')
  })
})

describe('digestKey', () => {
  it('CID-05 gives three spellings of a CID one key [attack 41]', () => {
    const { bytes } = cidOf(digest)
    const spellings = [`z${encodeBase58btc(bytes)}`, base32.encode(bytes), `f${encodeHex(bytes)}`]
    const keys = new Set(spellings.map((spelling) => digestKey(parseCid(spelling).multihash.digest)))
    expect([...keys]).toEqual([digestKey(digest)])
    expect(digestKey(digest)).toHaveLength(32)
    expect(digestKey(new Uint8Array([0, 127, 128, 255]))).toBe('\u0000\u007f\u0080\u00ff')
    expect(digestKey(filled(32, 2))).not.toBe(digestKey(digest))
  })
})

describe('cidTextOfKey', () => {
  it('returns the text of the CID, which takes no more memory than its characters', () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    const keys = Array.from({ length: 4_000 }, (_, at) => digestKey(sha256(Uint8Array.of(at, at >> 8))))
    expect(keys.slice(0, 99).map(cidTextOfKey)).toEqual(keys.slice(0, 99).map((key) => cidOfKey(key).toString()))
    collect()
    const before = process.memoryUsage().heapUsed
    const texts = keys.map(cidTextOfKey)
    collect()
    expect((process.memoryUsage().heapUsed - before) / texts.length).toBeLessThan(400)
  })
})

describe('isCid', () => {
  it('takes no map for a CID', () => {
    const bytes = cidOf(digest).bytes
    expect(isCid(cidOf(digest))).toBe(true)
    expect(isCid(decodeCbor(hex('a2 612f 6161 656279746573 6161')))).toBe(false)
    expect(isCid({ '/': bytes, bytes })).toBe(false)
    expect(isCid(null)).toBe(false)
    expect(isCid(String(cidOf(digest)))).toBe(false)
  })
})
