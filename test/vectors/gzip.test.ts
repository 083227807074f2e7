import { constants, gzipSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gunzip as gunzipOnWeb } from '../../src/support/platform/gunzip.ts'
import { gunzip as gunzipOnNode, gzip as gzipOnNode } from '../../src/support/platform/node.ts'
import { gzip as gzipOnWeb } from '../../src/support/platform/web.ts'
import { shortRuns } from '../property/runs.ts'
import { readVectors } from './read.ts'

const most = 65_536
const runs = shortRuns(300)

/**
 * A member of this data, with the check sum and length of the data that Node inflates, with any bytes after the last
 * block.
 */
function memberOf(data: Uint8Array): Uint8Array {
  let inflated = new Uint8Array()
  try {
    inflated = new Uint8Array(inflateRawSync(data, { maxOutputLength: most }))
  } catch {
    // The data is invalid, whatever the tail is.
  }
  const frame = new Uint8Array(gzipSync(inflated))
  return Uint8Array.of(...frame.subarray(0, 10), ...data, ...frame.subarray(-8))
}

/** Both verdicts in words: the contents, or a refusal. Of two reasons for a refusal, a platform reports either. */
async function verdicts(member: Uint8Array, maxBytes = most): Promise<readonly [web: string, node: string]> {
  const word = (result: Uint8Array | string): string =>
    typeof result === 'string' ? 'refused' : Buffer.from(result).toString('latin1')
  return [word(await gunzipOnWeb(member, maxBytes)), word(gunzipOnNode(member, maxBytes))]
}

const contents = fc
  .tuple(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 1, max: 256 }), fc.integer())
  .map(([length, letters, seed]) => {
    const bytes = new Uint8Array(length)
    let state = seed | 1
    for (let at = 0; at < length; at++) {
      state = Math.imul(state, 1_103_515_245) + 12_345
      // Earlier bytes are repeated now and then, so that there is something to find.
      bytes[at] = (state & 0x70000) === 0 && at > 300 ? (bytes[at - 300] as number) : (state >>> 8) % letters
    }
    return bytes
  })

const settings = fc.record({
  level: fc.integer({ min: 0, max: 9 }),
  strategy: fc.constantFrom(constants.Z_DEFAULT_STRATEGY, constants.Z_HUFFMAN_ONLY, constants.Z_RLE, constants.Z_FIXED),
  memLevel: fc.integer({ min: 1, max: 9 }),
  windowBits: fc.integer({ min: 9, max: 15 }),
})

/** Numbers as bits, the lowest first, each with its own length; as bytes. */
function pack(fields: readonly (readonly [value: number, bits: number])[]): Uint8Array {
  const bits = fields.flatMap(([value, count]) => Array.from({ length: count }, (_, at) => (value >> at) & 1))
  const bytes = new Uint8Array(Math.ceil(bits.length / 8))
  for (const [at, bit] of bits.entries()) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (bit << (at & 7))
  return bytes
}

/** The lengths of codes in a block, in a code of three bits each, with their repetitions. */
const sayable = [0, 1, 2, 3, 7, 16, 17, 18]
const codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** A last block that contains its codes, whether or not they make sense. */
function block({ literals = 257, distances = 1, unsaid = 99, said = [] as readonly number[][], data = '' }): Uint8Array {
  return pack([
    [1, 1],
    [2, 2],
    [literals - 257, 5],
    [distances - 1, 5],
    [15, 4],
    ...codeOrder.map((symbol) => [sayable.includes(symbol) && symbol !== unsaid ? 3 : 0, 3] as const),
    ...said.flatMap(([symbol = 0, more = 0]) => {
      const code = sayable.indexOf(symbol)
      const reversed = ((code & 1) << 2) | (code & 2) | (code >> 2)
      return [[reversed, 3] as const, [more, symbol < 16 ? 0 : ([2, 3, 7][symbol - 16] ?? 0)] as const]
    }),
    ...[...data].map((bit) => [Number(bit), 1] as const),
  ])
}

/** So many symbols without a code. */
const none = (count: number): number[][] => {
  if (count > 138) return [[18, 127], ...none(count - 138)]
  return count > 10 ? [[18, count - 11]] : Array.from({ length: count }, () => [0])
}

/**
 * The lengths of the codes of `a` and `b`, of the end of a block, and of two or three symbols of length and distance.
 */
const saidOf = (a: number, b: number, end: number, ...rest: number[]): number[][] => [
  ...none(97),
  [a],
  [b],
  ...none(157),
  [end],
  ...rest.map((length) => [length]),
]

describe('gzip', () => {
  it(`gives the same data without Node as with Node (${runs.title})`, async () => {
    await fc.assert(
      fc.asyncProperty(contents, settings, async (bytes, how) => {
        const packed = new Uint8Array(gzipSync(bytes, how))
        const expected = Buffer.from(bytes).toString('latin1')
        expect(await verdicts(packed)).toEqual([expected, expected])
        if (bytes.length > 0) expect(await gunzipOnWeb(packed, bytes.length - 1)).toBe('too_large')
      }),
      runs,
    )
  })

  it(`is refused without Node as with Node, for any changed bits (${runs.title})`, async () => {
    const turned = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 7 })), { maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(contents, settings, turned, fc.integer({ min: -2, max: 2 }), async (bytes, how, bits, more) => {
        const whole = new Uint8Array(gzipSync(bytes, how)).slice(10, more < 0 ? -8 + more : -8)
        const data = Uint8Array.of(...whole, ...new Uint8Array(Math.max(0, more)))
        // Most faults are possible in the first bytes, which describe the coding of a block.
        for (const [nat, bit] of bits) {
          const at = nat % Math.min(80, data.length)
          data[at] = (data[at] ?? 0) ^ (1 << bit)
        }
        const [web, node] = await verdicts(memberOf(data))
        expect(web).toBe(node)
      }),
      runs,
    )
  })

  it('gives the same data without Node as with Node, when a block contains its codes', async () => {
    const good = saidOf(1, 0, 1, 0)
    const back = saidOf(1, 0, 2, 2, 1)
    const blocks: readonly (readonly [what: string, block: Uint8Array, contents: string])[] = [
      ['two literals', block({ said: good, data: '001' }), 'aa'],
      ['nothing but its end', block({ said: saidOf(0, 0, 1, 0), data: '0' }), ''],
      ['the other bit of a code of one', block({ said: saidOf(0, 0, 1, 0), data: '1' }), 'refused'],
      ['a match', block({ literals: 258, said: back, data: '011010' }), 'aaaa'],
      ['a match before the beginning', block({ literals: 258, said: back, data: '11010' }), 'refused'],
      ['the other bit of a distance', block({ literals: 258, said: back, data: '011110' }), 'refused'],
      ['a match without distances', block({ literals: 258, said: saidOf(1, 0, 2, 2, 0), data: '011010' }), 'refused'],
      ['a repetition of nothing', block({ said: [[16, 0], ...none(253), [1], [0]], data: '0' }), 'refused'],
      ['a repetition', block({ said: [...none(253), [2], [16, 0], [0]], data: '11' }), ''],
      ['a repetition into the distances', block({ said: [...none(254), [2], [16, 0]], data: '11' }), 'refused'],
      ['a repetition too long', block({ said: [...none(255), [2], [16, 0]], data: '1' }), 'refused'],
      ['no end', block({ said: saidOf(1, 1, 0, 0), data: '01' }), 'refused'],
      ['more codes than bits', block({ said: saidOf(1, 1, 1, 0), data: '001' }), 'refused'],
      ['fewer codes than bits', block({ said: saidOf(1, 0, 2, 0), data: '010' }), 'refused'],
      ['one code of two bits', block({ said: saidOf(0, 0, 2, 0), data: '00' }), 'refused'],
      ['one distance of two bits', block({ said: saidOf(1, 0, 1, 2), data: '001' }), 'refused'],
      ['a code of lengths with a gap', block({ said: good, unsaid: 7, data: '001' }), 'refused'],
      ['287 literals', block({ literals: 287, said: [...good, ...none(30)], data: '001' }), 'refused'],
      ['286 literals', block({ literals: 286, said: [...good, ...none(29)], data: '001' }), 'aa'],
      ['31 distances', block({ distances: 31, said: [...good, ...none(30)], data: '001' }), 'refused'],
      ['30 distances', block({ distances: 30, said: [...good, ...none(29)], data: '001' }), 'aa'],
    ]
    for (const [what, data, expected] of blocks) {
      expect(await verdicts(memberOf(data)), what).toEqual([expected, expected])
    }
  })

  it('of anything ends in bytes or a refusal, and in bounded memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (data) => {
        const result = await gunzipOnWeb(memberOf(data), 1_000)
        expect(typeof result === 'string' || result.length <= 1_000).toBe(true)
      }),
      runs,
    )
  })

  it('CTN-03 LIM-02 of the vectors is refused alike [attack 35]', async () => {
    for (const { name, container, expected } of readVectors('hostile.json')) {
      if (!/^container-(gzip|bomb)/.test(name)) continue
      const raw = typeof container === 'string' ? Buffer.from(container) : Buffer.from(container.bytes, 'base64url')
      const text = raw.subarray(1).toString()
      const encoding = { P: 'base64url', F: 'base64url', O: 'base64', E: 'base64' }[String.fromCharCode(raw[0] ?? 0)]
      const packed = new Uint8Array(encoding === undefined ? raw.subarray(1) : Buffer.from(text, encoding as 'base64'))
      const fault = !expected.allowed && expected.code === 'too_large' ? 'too_large' : 'not_gzip'
      expect([await gunzipOnWeb(packed, 262_144), gunzipOnNode(packed, 262_144)], name).toEqual([fault, fault])
    }
  })

  it('is written so that it can be read', async () => {
    const bytes = new Uint8Array(5_000).fill(7)
    for (const packed of [gzipOnNode(bytes), await gzipOnWeb(bytes)]) expect(await gunzipOnWeb(packed, most)).toEqual(bytes)
  })

  it('of a hundred megabytes is given up at the limit [attack 35]', async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(100 * 2 ** 20), { level: 1 }))
    expect(gunzipOnNode(bomb, 262_144)).toBe('too_large')
    expect(await gunzipOnWeb(bomb, 262_144)).toBe('too_large')
  })
})
