import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../src/errors.ts'
import { encodeBase32, encodeBase58btc, encodeHex } from '../../src/ipld/base.ts'
import { cidOf, digestKey, isTokenCid } from '../../src/ipld/cid.ts'
import { decodeCbor } from '../../src/ipld/decode.ts'
import { ipldEquals } from '../../src/ipld/equal.ts'
import { isCid } from '../../src/ipld/is-cid.ts'
import { parseCid, parseTokenCid } from '../../src/ipld/parse-cid.ts'
import { filled, hex, refusalOf } from './support.ts'

const digest = filled(32)
const text = encodeHex(digest)

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
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

  it('says what the one of multiformats says, and that package takes it for one', () => {
    for (const form of Object.values(forms)) {
      const ours = parseCid(hex(form))
      const theirs = CID.decode(hex(form))
      const facts = (cid: CID) => {
        const { version, code, multihash, byteOffset, byteLength } = cid
        return {
          version,
          code,
          hash: multihash.code,
          size: multihash.size,
          byteOffset,
          byteLength,
          tag: cid[Symbol.toStringTag],
        }
      }
      expect(facts(ours)).toEqual(facts(theirs))
      expect(encodeHex(ours.multihash.digest)).toBe(encodeHex(theirs.multihash.digest))
      expect(encodeHex(ours.multihash.bytes)).toBe(encodeHex(theirs.multihash.bytes))
      expect(String(ours)).toBe(String(theirs))
      expect(JSON.stringify(ours)).toBe(JSON.stringify(theirs))
      expect(inspect(ours)).toBe(`CID(${String(theirs)})`)
      expect(ours.toString(base58btc)).toBe(
        theirs.version === 0 ? base58btc.encode(theirs.bytes) : theirs.toString(base58btc),
      )
      expect(String(ours.toV1())).toBe(String(theirs.toV1()))
      expect(ours.link()).toBe(ours)
      expect(ours.asCID).toBe(ours)
      expect([
        ours.equals(theirs),
        theirs.equals(ours),
        ours.equals(cidOf(new Uint8Array(32))),
        ours.equals(null),
      ]).toEqual([true, true, false, false])
      expect(CID.asCID(ours)?.equals(theirs)).toBe(true)
    }
    expect(String(parseCid(hex(forms['dag-pb'])).toV0())).toBe(String(parseCid(hex(forms['version 0']))))
    expect(() => cidOf(digest).toV0()).toThrow(ArgumentError)
  })

  it('of another copy of the library is one too, and a map that looks like one is none', () => {
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
    for (const form of [bytes, `z${encodeBase58btc(bytes)}`, `b${encodeBase32(bytes)}`, `f${encodeHex(bytes)}`]) {
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
    for (const bytes of ['', '01', '0171', '017112', `8100711220${text}`, `01f1001220${text}`, `0171 9200 20${text}`]) {
      expect(refusalOf(() => parseCid(hex(bytes))).requirement).toMatch(/^(CID-03|ENC-03)$/)
    }
  })

  it('CID-04 refuses text in another base, and version 0 with a base', () => {
    const { bytes } = cidOf(digest)
    const old = hex(`1220${text}`)
    for (const other of [
      '',
      encodeBase58btc(bytes),
      `B${encodeBase32(bytes).toUpperCase()}`,
      `F${encodeHex(bytes).toUpperCase()}`,
      `m${Buffer.from(bytes).toString('base64')}`,
      `u${Buffer.from(bytes).toString('base64url')}`,
      encodeBase58btc(old),
      `z${encodeBase58btc(old)}`,
      `b${encodeBase32(old)}`,
      ` b${encodeBase32(bytes)}`,
    ]) {
      expect(refusalOf(() => parseCid(other)).requirement).toBe('CID-04')
    }
    for (const wrong of [
      `b${encodeBase32(bytes)} `,
      `b${encodeBase32(bytes)}=`,
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
    const spellings = [`z${encodeBase58btc(bytes)}`, `b${encodeBase32(bytes)}`, `f${encodeHex(bytes)}`]
    const keys = new Set(spellings.map((spelling) => digestKey(parseCid(spelling).multihash.digest)))
    expect([...keys]).toEqual([digestKey(digest)])
    expect(digestKey(digest)).toHaveLength(32)
    expect(digestKey(new Uint8Array([0, 127, 128, 255]))).toBe('\u0000\u007f\u0080\u00ff')
    expect(digestKey(filled(32, 2))).not.toBe(digestKey(digest))
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
