import { gzipSync } from 'node:zlib'
import { encode } from '@ipld/dag-cbor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { completeBounds } from '../../../src/bounds.ts'
import { openContainer } from '../../../src/core/authorization/open-container.ts'
import {
  compressContainer,
  encodeContainer,
  encodeContainerBytes,
  splitContainer,
} from '../../../src/core/container/container.ts'
import { ArgumentError } from '../../../src/errors.ts'
import { gunzip as gunzipOnTheWeb } from '../../../src/support/platform/gunzip.ts'
import { gunzip as gunzipOnNode } from '../../../src/support/platform/node.ts'
import { gzip as gzipOnTheWeb } from '../../../src/support/platform/web.ts'
import { actor } from '../../support/actors.ts'
import { refusalOf } from '../../support/refusal.ts'
import { call, chainOf } from '../../support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)
const invocation = await call({ issuer: bob, proofs })
const tokens = [invocation, ...proofs]

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
const plain = encode({ 'ctn-v1': tokens.map(({ bytes }) => bytes) })
const packed = new Uint8Array(gzipSync(plain))
const raw = (head: string, body: Uint8Array): Uint8Array => Uint8Array.of(head.charCodeAt(0), ...body)

const refusal = (container: string | Uint8Array, limits = completeBounds(undefined)): Promise<string> =>
  refusalOf(() => splitContainer(container, limits))

describe('containers', () => {
  it('are read in each of the forms, as text or as bytes', async () => {
    const texts = [
      `B${base64(plain)}`,
      `C${base64url(plain)}`,
      ...['O', 'E'].map((head) => head + base64(packed)),
      ...['P', 'F'].map((head) => head + base64url(packed)),
    ]
    const forms = [...texts, ...texts.map(bytesOf), raw('@', plain), raw('M', packed), raw('D', packed)]
    for (const form of forms) {
      expect(await splitContainer(form)).toEqual(tokens.map(({ bytes }) => bytes))
    }
  })

  it('are written in bytewise order and without doubles', async () => {
    const text = encodeContainer([...tokens, ...tokens])
    expect(text).toBe(encodeContainer([...tokens].reverse()))
    expect(text[0]).toBe('C')
    const found = await splitContainer(text)
    expect(found).toHaveLength(tokens.length)
    expect([...found].sort((a, b) => Buffer.compare(a, b))).toEqual(found)
    expect(await splitContainer(encodeContainerBytes(tokens))).toEqual(found)
  })

  it('are compressed when that is shorter', async () => {
    const many = await chainOf(...(await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => actor(name)))))
    const text = await compressContainer(many)
    expect(text[0]).toBe('P')
    expect(text.length).toBeLessThan(encodeContainer(many).length)
    expect(await splitContainer(text)).toEqual(await splitContainer(encodeContainer(many)))
    expect((await compressContainer([{ bytes: crypto.getRandomValues(new Uint8Array(99)) }]))[0]).toBe('C')
  })

  it('are not made of nothing', () => {
    expect(() => encodeContainer([])).toThrow(ArgumentError)
    expect(() => encodeContainer([{ bytes: 'x' as never }])).toThrow(ArgumentError)
  })

  it('CTN-01 begin with one of nine bytes', async () => {
    const known = new Set('@BCMOPDEF')
    for (let byte = 0; byte < 256; byte++) {
      const said = await refusal(Uint8Array.of(byte, 0))
      expect(said === 'CTN-01 unsupported', String(byte)).toBe(!known.has(String.fromCharCode(byte)))
    }
    expect(await refusal('')).toBe('CTN-01 unsupported')
    expect(await refusal(new Uint8Array(0))).toBe('CTN-01 unsupported')
  })

  it('CTN-02 of raw bytes are not text', async () => {
    expect(await refusal(`@${'x'.repeat(9)}`)).toBe('CTN-02')
    expect(await refusal('M')).toBe('CTN-02')
  })

  it('CTN-03 are one gzip member from end to end', async () => {
    for (const body of [
      Uint8Array.of(...packed, 0),
      Uint8Array.of(...packed, ...packed),
      packed.subarray(0, -1),
      packed.subarray(1),
      plain,
      new Uint8Array(0),
    ]) {
      expect(await refusal(raw('M', body))).toBe('CTN-03')
    }
    const wrongSum = packed.slice()
    wrongSum[wrongSum.length - 6] = (wrongSum[wrongSum.length - 6] as number) ^ 1
    expect(await refusal(raw('M', wrongSum))).toBe('CTN-03')
  })

  it('CTN-04 are a map of one key with a list [attack 28]', async () => {
    const bodies = [{ 'ctn-v2': [] }, { 'ctn-v1': {} }, { 'ctn-v1': [], x: 1 }, {}, [[]], null, { 'ctn-v1': null }]
    for (const body of bodies) expect(await refusal(raw('@', encode(body)))).toMatch(/^CTN-04|^CBR-/)
    expect(await refusal(raw('@', encode({ 'ctn-v1': {} })))).toBe('CTN-04')
    expect(await refusal(raw('@', Uint8Array.of(...plain, 0)))).toMatch(/^CBR-/)
  })

  it('CTN-05 list bytes', async () => {
    for (const item of ['text', 7, null]) {
      expect(await refusal(raw('@', encode({ 'ctn-v1': [item] })))).toBe('CTN-05')
    }
  })

  it('have one spelling in base64 [attack 36]', async () => {
    const body = base64url(plain)
    const standard = base64(plain)
    const spellings = [
      `C${body}=`,
      `C${body} `,
      `C ${body}`,
      `C${body}\n`,
      `C${body.slice(0, 8)}\n${body.slice(8)}`,
      `C${standard}`,
      `B${body}`,
      `B${standard}=`,
      `C${body.slice(0, -1)}+`,
      `C${body.slice(0, -1)}é`,
    ]
    for (const spelling of spellings) {
      if (spelling === `C${standard}` && standard === body) continue
      expect(await refusal(spelling), spelling.slice(-4)).toMatch(/^ENC-/)
    }
  })

  it('has limits that are checked when they are given, the depth too', () => {
    expect(completeBounds({ depth: 256 }).depth).toBe(256)
    for (const wrong of [{ depth: 257 }, { depth: 0 }, { tokens: 1.5 }, { token: 1 } as never]) {
      expect(() => completeBounds(wrong), JSON.stringify(wrong)).toThrow(ArgumentError)
    }
  })

  it('LIM-01 are not longer than allowed, before decoding', async () => {
    const limits = completeBounds({ containerBytes: 300 })
    expect(await refusal(`C${'A'.repeat(402)}`, limits)).toBe('LIM-01 too_large')
    expect(await refusal(raw('@', new Uint8Array(402)), limits)).toBe('LIM-01 too_large')
    expect(await refusal(`C${base64url(new Uint8Array(301))}`, limits)).toMatch(/too_large$/)
  })

  it('LIM-02 do not inflate beyond the limit [attack 35]', async () => {
    for (const size of [262_145, 1_000_000, 100_000_000]) {
      const bomb = new Uint8Array(gzipSync(new Uint8Array(size), { level: 9 }))
      expect(await refusal(raw('M', bomb))).toBe('LIM-02 too_large')
    }
  })

  it('hold no more tokens than allowed', async () => {
    const many = Array.from({ length: 65 }, (_, index) => Uint8Array.of(index))
    expect(await refusal(raw('@', encode({ 'ctn-v1': many })))).toMatch(/^CBR-.* too_large$/)
    expect(await refusal(raw('@', encode({ 'ctn-v1': many.slice(1) })))).toBe('accepted')
  })

  it('come back as they went in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 80 }), { minLength: 1, maxLength: 20 }),
        async (list) => {
          const unique = new Map(list.map((bytes) => [base64(bytes), bytes]))
          for (const container of [
            encodeContainer(list.map((bytes) => ({ bytes }))),
            await compressContainer(list.map((bytes) => ({ bytes }))),
          ]) {
            const found = await splitContainer(container)
            expect(new Set(found.map(base64))).toEqual(new Set(unique.keys()))
          }
        },
      ),
      { numRuns: 50 },
    )
  })
})

/** A member with bytes between its last block and its tail, or without the last byte of its last block. */
function memberOf(contents: Uint8Array, extra: readonly number[] | 'cut'): Uint8Array {
  const whole = new Uint8Array(gzipSync(contents))
  const start = whole.subarray(0, extra === 'cut' ? -9 : -8)
  return Uint8Array.of(...start, ...(extra === 'cut' ? [] : extra), ...whole.subarray(-8))
}

describe('inflating on the web and on Node', () => {
  it('gives the same answer', async () => {
    const inputs = [
      packed,
      new Uint8Array(gzipSync(new Uint8Array(5_000))),
      Uint8Array.of(...packed, 0),
      Uint8Array.of(...packed, ...packed),
      packed.subarray(0, -2),
      plain,
      new Uint8Array(0),
      ...(['cut', [0], [3, 0], [1, 2, 3]] as const).map((extra) => memberOf(plain, extra)),
    ]
    for (const input of inputs) expect(await gunzipOnTheWeb(input, 4_000)).toEqual(gunzipOnNode(input, 4_000))
    expect(gunzipOnNode(memberOf(plain, []), 4_000)).toEqual(plain)
    expect(gunzipOnNode(await gzipOnTheWeb(plain), 4_000)).toEqual(plain)
  })
})

describe('openContainer', () => {
  it('reads delegations and invocations without a word about their truth', async () => {
    const contents = await openContainer(encodeContainer(tokens))
    expect(contents.invocations).toEqual([invocation])
    expect(contents.delegations).toEqual(proofs)
  })

  it('refuses what is not a token', async () => {
    expect(await refusalOf(() => openContainer(encodeContainer([{ bytes: Uint8Array.of(1) }])))).toMatch(/^CBR-/)
    expect(await refusalOf(() => openContainer('nonsense'))).toBe('CTN-01 unsupported')
  })
})
