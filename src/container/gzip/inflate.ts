/**
 * Inflating (RFC 1951) without a platform: what platforms offer differs in whether it minds data that ends early or goes
 * on behind the last block.
 *
 * @module
 */

import type { InflateFault } from './member.ts'

/** A Huffman code: how many codes have each length, and the symbols in the order of their codes. */
interface Code {
  readonly counts: Uint16Array
  readonly symbols: Uint16Array
}

/** Input by bits, the lowest first, and output as it grows. */
interface State {
  readonly input: Uint8Array
  position: number
  buffer: number
  held: number
  output: Uint8Array
  length: number
  readonly maxBytes: number
  /** The codes of blocks that bring none along, when there was one. */
  fixed: { readonly literals: Code | undefined; readonly distance: Code | undefined } | undefined
}

const endOfBlock = 256
const longestCode = 15

/** Lengths of symbols 257 and up, and distances of symbols 0 and up: the smallest, and how many bits are added. */
const lengths: readonly (readonly [base: number, bits: number])[] = ranges(
  3,
  [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5],
)
const distances: readonly (readonly [base: number, bits: number])[] = ranges(
  1,
  [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13],
)

/** The order in which the lengths of the code of code lengths are written. */
const order: readonly number[] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** Inflates data that must take the whole input, into at most `maxBytes`. */
export function inflate(input: Uint8Array, maxBytes: number): Uint8Array | InflateFault {
  const output = new Uint8Array(Math.min(maxBytes, 4 * input.length))
  const state: State = { input, position: 0, buffer: 0, held: 0, output, length: 0, maxBytes, fixed: undefined }
  for (let last = 0; last === 0; ) {
    last = takeBits(state, 1)
    const fault = readBlock(state, takeBits(state, 2))
    if (fault !== undefined) return fault
  }
  return state.position === input.length ? state.output.subarray(0, state.length) : 'not_gzip'
}

function readBlock(state: State, kind: number): InflateFault | undefined {
  switch (kind) {
    case 0:
      return readStored(state)
    case 1:
      return readFixed(state)
    case 2:
      return readDynamic(state)
    default:
      return 'not_gzip'
  }
}

function readStored(state: State): InflateFault | undefined {
  state.buffer = 0
  state.held = 0
  const size = takeBits(state, 16)
  if (takeBits(state, 16) !== (~size & 0xffff)) return 'not_gzip'
  for (let left = size; left > 0; left--) {
    const fault = put(state, takeBits(state, 8))
    if (fault !== undefined) return fault
  }
  return undefined
}

function readFixed(state: State): InflateFault | undefined {
  // Made once, as a block of it can be ten bits long.
  state.fixed ??= {
    literals: codeOf(new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280)),
    distance: codeOf(new Uint8Array(30).fill(5)),
  }
  const { literals, distance } = state.fixed
  return literals === undefined || distance === undefined ? 'not_gzip' : readSymbols(state, literals, distance)
}

/** A block that brings its codes along, written in a code that it brings along as well. */
function readDynamic(state: State): InflateFault | undefined {
  const literalCount = takeBits(state, 5) + 257
  const distanceCount = takeBits(state, 5) + 1
  const orderCount = takeBits(state, 4) + 4
  if (literalCount > 286 || distanceCount > distances.length) return 'not_gzip'
  const orderBits = new Uint8Array(order.length)
  for (const symbol of order.slice(0, orderCount)) orderBits[symbol] = takeBits(state, 3)
  const lengthCode = codeOf(orderBits)
  if (lengthCode === undefined || isIncomplete(lengthCode)) return 'not_gzip'
  const bits = new Uint8Array(literalCount + distanceCount)
  for (let at = 0; at < bits.length; ) {
    const symbol = takeSymbol(state, lengthCode)
    if (symbol < 0) return 'not_gzip'
    if (symbol < 16) {
      bits[at++] = symbol
      continue
    }
    if (symbol === 16 && at === 0) return 'not_gzip'
    const repeated = symbol === 16 ? (bits[at - 1] as number) : 0
    const count =
      symbol === 16 ? 3 + takeBits(state, 2) : symbol === 17 ? 3 + takeBits(state, 3) : 11 + takeBits(state, 7)
    if (at + count > bits.length) return 'not_gzip'
    bits.fill(repeated, at, at + count)
    at += count
  }
  if (bits[endOfBlock] === 0) return 'not_gzip'
  const literals = codeOf(bits.subarray(0, literalCount))
  const distance = codeOf(bits.subarray(literalCount))
  if (literals === undefined || distance === undefined) return 'not_gzip'
  // One symbol alone has a code of one bit, the other value of which stands for nothing.
  if (
    [literals, distance].some((code) => isIncomplete(code) && code.counts.some((count, size) => size > 1 && count > 0))
  ) {
    return 'not_gzip'
  }
  return readSymbols(state, literals, distance)
}

function readSymbols(state: State, literals: Code, distance: Code): InflateFault | undefined {
  for (;;) {
    const symbol = takeSymbol(state, literals)
    if (symbol === endOfBlock) return undefined
    if (symbol < 0) return 'not_gzip'
    if (symbol < endOfBlock) {
      const fault = put(state, symbol)
      if (fault !== undefined) return fault
      continue
    }
    const length = takeRange(state, lengths, symbol - 257)
    const back = takeRange(state, distances, takeSymbol(state, distance))
    if (length < 0 || back < 0 || back > state.length) return 'not_gzip'
    for (let left = length; left > 0; left--) {
      const fault = put(state, state.output[state.length - back] as number)
      if (fault !== undefined) return fault
    }
  }
}

function put(state: State, byte: number): InflateFault | undefined {
  // Bits beyond the input were read as zeros; what was made of them is not to be kept.
  if (state.position > state.input.length) return 'not_gzip'
  if (state.length === state.maxBytes) return 'too_large'
  if (state.length === state.output.length) {
    const larger = new Uint8Array(Math.min(state.maxBytes, 2 * state.length + 64))
    larger.set(state.output)
    state.output = larger
  }
  state.output[state.length++] = byte
  return undefined
}

/** Takes at most 16 bits; beyond the input they are zeros, and `position` says so. */
function takeBits(state: State, count: number): number {
  while (state.held < count) {
    state.buffer |= (state.input[state.position++] ?? 0) << state.held
    state.held += 8
  }
  const value = state.buffer & ((1 << count) - 1)
  state.buffer >>>= count
  state.held -= count
  return value
}

/** Takes a symbol, bit by bit: codes of one length follow each other. -1 for bits that are none. */
function takeSymbol(state: State, { counts, symbols }: Code): number {
  let code = 0
  let first = 0
  let index = 0
  for (let size = 1; size <= longestCode; size++) {
    code |= takeBits(state, 1)
    const count = counts[size] as number
    if (code - first < count) return symbols[index + code - first] as number
    index += count
    first = (first + count) << 1
    code <<= 1
  }
  return -1
}

function takeRange(state: State, table: readonly (readonly [number, number])[], symbol: number): number {
  const range = table[symbol]
  return range === undefined ? -1 : range[0] + takeBits(state, range[1])
}

/** Makes the code of these lengths, 0 for symbols without one; undefined when there are more codes than bits allow. */
function codeOf(bits: Uint8Array): Code | undefined {
  const counts = new Uint16Array(longestCode + 1)
  for (const size of bits) counts[size] = (counts[size] as number) + 1
  counts[0] = 0
  const offsets = new Uint16Array(longestCode + 2)
  let left = 1
  for (let size = 1; size <= longestCode; size++) {
    left = 2 * left - (counts[size] as number)
    if (left < 0) return undefined
    offsets[size + 1] = (offsets[size] as number) + (counts[size] as number)
  }
  const symbols = new Uint16Array(bits.length)
  for (const [symbol, size] of bits.entries()) {
    if (size === 0) continue
    const at = offsets[size] as number
    symbols[at] = symbol
    offsets[size] = at + 1
  }
  return { counts, symbols }
}

function isIncomplete({ counts }: Code): boolean {
  return counts.reduce((taken, count, size) => taken + count * 2 ** (longestCode - size), 0) < 2 ** longestCode
}

/** Ranges that follow each other, each as wide as its bits allow; the last length is 258 and stands alone. */
function ranges(start: number, widths: readonly number[]): readonly (readonly [number, number])[] {
  const table: (readonly [number, number])[] = []
  let base = start
  for (const bits of widths) {
    table.push([base, bits])
    base += 2 ** bits
  }
  return start === 3 ? [...table, [258, 0]] : table
}
