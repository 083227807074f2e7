import { constants, gzipSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { gunzip as gunzipOnWeb } from '../../src/container/gzip/gunzip.ts'
import { inflate } from '../../src/container/gzip/inflate.ts'
import { gunzip as gunzipOnNode, gzip as gzipOnNode } from '../../src/container/gzip/node.ts'
import { gzip as gzipOnWeb } from '../../src/container/gzip/web.ts'
import { shortRuns } from '../property/runs.ts'
import { readVectors } from './read.ts'

const most = 65_536
const runs = shortRuns(300)

/** What the platform makes of data that must take the whole input. */
function inflateOnNode(data: Uint8Array): Uint8Array | 'not_gzip' | 'too_large' {
  try {
    const info = inflateRawSync(data, { maxOutputLength: most, info: true }) as unknown as {
      readonly buffer: Uint8Array
      readonly engine: { readonly bytesWritten: number }
    }
    return info.engine.bytesWritten === data.length ? new Uint8Array(info.buffer) : 'not_gzip'
  } catch (error) {
    return (error as { readonly code?: string }).code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'not_gzip'
  }
}

const contents = fc
  .tuple(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 1, max: 256 }), fc.integer())
  .map(([length, letters, seed]) => {
    const bytes = new Uint8Array(length)
    let state = seed | 1
    for (let at = 0; at < length; at++) {
      state = Math.imul(state, 1_103_515_245) + 12_345
      // Now and then what stood before is repeated, so that there is something to find.
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

/** Numbers as bits, the lowest first, each as long as it says; in bytes. */
function pack(fields: readonly (readonly [value: number, bits: number])[]): Uint8Array {
  const bits = fields.flatMap(([value, count]) => Array.from({ length: count }, (_, at) => (value >> at) & 1))
  const bytes = new Uint8Array(Math.ceil(bits.length / 8))
  for (const [at, bit] of bits.entries()) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (bit << (at & 7))
  return bytes
}

/** Lengths of codes that a block can say here, in a code of three bits each, with what each repeats. */
const sayable = [0, 1, 2, 3, 7, 16, 17, 18]
const codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** A last block that brings its codes along, made of what it says whether that makes sense or not. */
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

/** The lengths of the codes of `a` and `b`, of the end of a block, and of two or three symbols of length and distance. */
const saidOf = (a: number, b: number, end: number, ...rest: number[]): number[][] => [
  ...none(97),
  [a],
  [b],
  ...none(157),
  [end],
  ...rest.map((length) => [length]),
]

describe('gzip', () => {
  it(`is read where there is no Node as on Node (${runs.title})`, () => {
    fc.assert(
      fc.property(contents, settings, (bytes, how) => {
        const packed = new Uint8Array(gzipSync(bytes, how))
        expect(Buffer.compare(gunzipOnWeb(packed, most) as Uint8Array, bytes)).toBe(0)
        expect(Buffer.compare(gunzipOnNode(packed, most) as Uint8Array, bytes)).toBe(0)
        if (bytes.length > 0) expect(gunzipOnWeb(packed, bytes.length - 1)).toBe('too_large')
      }),
      runs,
    )
  })

  it('does not make the same codes anew for each of very many blocks', () => {
    // Blocks of ten bits, each of which is not the last, has the fixed codes and ends at once.
    const data = new Uint8Array(2_000)
    for (let bit = 1; bit < 8 * data.length; bit += 10) data[bit >> 3] = (data[bit >> 3] ?? 0) | (1 << (bit & 7))
    const fill = vi.spyOn(Uint8Array.prototype, 'fill')
    expect([inflate(data, most), inflateOnNode(data)]).toEqual(['not_gzip', 'not_gzip'])
    expect(fill.mock.calls.length).toBeLessThan(10)
    fill.mockRestore()
  })

  it('costs about what it costs on Node, also in blocks that hold nothing but their own codes', () => {
    // The end of a block has the only code, of one bit; 256 times nothing before it is said in two repetitions.
    const head = [2, 2] as const
    const lengths = codeOrder.slice(0, 18).map((symbol) => [symbol === 18 || symbol === 1 ? 1 : 0, 3] as const)
    const repetitions = [[1, 1], [127, 7], [1, 1], [107, 7]] as const
    const empty: readonly (readonly [number, number])[] = [[0, 1], head, [0, 5], [0, 5], [14, 4], ...lengths, ...repetitions, [0, 3]
]
    const last = [[1, 1] as const, ...empty.slice(1)]
    const data = pack([...Array.from({ length: 2_000 }, () => empty), last].flat())
    const best = (task: () => unknown) => {
      const times = Array.from({ length: 7 }, () => {
        const start = performance.now()
        task()
        return performance.now() - start
      })
      return Math.min(...times)
    }
    expect([inflate(data, most), inflateOnNode(data)]).toEqual([new Uint8Array(), new Uint8Array()])
    expect(best(() => inflate(data, most))).toBeLessThan(4 * best(() => inflateOnNode(data)))
  })

  it(`is refused where there is no Node as on Node, whatever bits are turned (${runs.title})`, () => {
    const turned = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 7 })), { maxLength: 3 })
    fc.assert(
      fc.property(contents, settings, turned, fc.nat({ max: 2 }), (bytes, how, bits, cut) => {
        const data = new Uint8Array(gzipSync(bytes, how)).slice(10, -8 - cut)
        // Most of what can go wrong is in the first bytes, where a block says how it is coded.
        for (const [nat, bit] of bits) {
          const at = nat % Math.min(80, data.length)
          data[at] = (data[at] ?? 0) ^ (1 << bit)
        }
        const [mine, theirs] = [inflate(data, most), inflateOnNode(data)]
        if (typeof mine === 'string' || typeof theirs === 'string') expect(mine).toBe(theirs)
        else expect(Buffer.compare(mine, theirs)).toBe(0)
      }),
      runs,
    )
  })

  it('is read where there is no Node as on Node, when a block says how it is coded', () => {
    const good = saidOf(1, 0, 1, 0)
    const back = saidOf(1, 0, 2, 2, 1)
    const blocks: readonly (readonly [what: string, block: Uint8Array, contents: string])[] = [
      ['two literals', block({ said: good, data: '001' }), 'aa'],
      ['nothing but its end', block({ said: saidOf(0, 0, 1, 0), data: '0' }), ''],
      ['the other bit of a code of one', block({ said: saidOf(0, 0, 1, 0), data: '1' }), 'not_gzip'],
      ['a match', block({ literals: 258, said: back, data: '011010' }), 'aaaa'],
      ['a match before the beginning', block({ literals: 258, said: back, data: '11010' }), 'not_gzip'],
      ['the other bit of a distance', block({ literals: 258, said: back, data: '011110' }), 'not_gzip'],
      ['a match without distances', block({ literals: 258, said: saidOf(1, 0, 2, 2, 0), data: '011010' }), 'not_gzip'],
      ['a repetition of nothing', block({ said: [[16, 0], ...none(253), [1], [0]], data: '0' }), 'not_gzip'],
      ['a repetition', block({ said: [...none(253), [2], [16, 0], [0]], data: '11' }), ''],
      ['a repetition into the distances', block({ said: [...none(254), [2], [16, 0]], data: '11' }), 'not_gzip'],
      ['a repetition too long', block({ said: [...none(255), [2], [16, 0]], data: '1' }), 'not_gzip'],
      ['no end', block({ said: saidOf(1, 1, 0, 0), data: '01' }), 'not_gzip'],
      ['more codes than bits', block({ said: saidOf(1, 1, 1, 0), data: '001' }), 'not_gzip'],
      ['fewer codes than bits', block({ said: saidOf(1, 0, 2, 0), data: '010' }), 'not_gzip'],
      ['one code of two bits', block({ said: saidOf(0, 0, 2, 0), data: '00' }), 'not_gzip'],
      ['one distance of two bits', block({ said: saidOf(1, 0, 1, 2), data: '001' }), 'not_gzip'],
      ['a code of lengths with a gap', block({ said: good, unsaid: 7, data: '001' }), 'not_gzip'],
      ['287 literals', block({ literals: 287, said: [...good, ...none(30)], data: '001' }), 'not_gzip'],
      ['286 literals', block({ literals: 286, said: [...good, ...none(29)], data: '001' }), 'aa'],
      ['31 distances', block({ distances: 31, said: [...good, ...none(30)], data: '001' }), 'not_gzip'],
      ['30 distances', block({ distances: 30, said: [...good, ...none(29)], data: '001' }), 'aa'],
    ]
    for (const [what, data, expected] of blocks) {
      const [mine, theirs] = [inflate(data, most), inflateOnNode(data)]
      expect(typeof mine === 'string' ? mine : Buffer.from(mine).toString(), what).toBe(expected)
      expect(typeof theirs === 'string' ? theirs : Buffer.from(theirs).toString(), what).toBe(expected)
    }
  })

  it('of anything ends in bytes or a refusal, and in bounded memory', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (data) => {
        const result = inflate(data, 1_000)
        expect(typeof result === 'string' || result.length <= 1_000).toBe(true)
      }),
      runs,
    )
  })

  it('CTN-03 LIM-02 of the vectors is refused alike [attack 35]', () => {
    for (const { name, container, expected } of readVectors('hostile.json')) {
      if (!/^container-(gzip|bomb)/.test(name)) continue
      const raw = typeof container === 'string' ? Buffer.from(container) : Buffer.from(container.bytes, 'base64url')
      const text = raw.subarray(1).toString()
      const encoding = { P: 'base64url', F: 'base64url', O: 'base64', E: 'base64' }[String.fromCharCode(raw[0] ?? 0)]
      const packed = new Uint8Array(encoding === undefined ? raw.subarray(1) : Buffer.from(text, encoding as 'base64'))
      const fault = !expected.allowed && expected.code === 'too_large' ? 'too_large' : 'not_gzip'
      expect([gunzipOnWeb(packed, 262_144), gunzipOnNode(packed, 262_144)], name).toEqual([fault, fault])
    }
  })

  it('is written so that it can be read', async () => {
    const bytes = new Uint8Array(5_000).fill(7)
    for (const packed of [gzipOnNode(bytes), await gzipOnWeb(bytes)]) expect(gunzipOnWeb(packed, most)).toEqual(bytes)
  })

  it('of a hundred megabytes is given up at the limit [attack 35]', () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(100 * 2 ** 20)))
    expect(gunzipOnNode(bomb, 262_144)).toBe('too_large')
    expect(gunzipOnWeb(bomb, 262_144)).toBe('too_large')
  })
})
