/**
 * Inflating (RFC 1951) without a platform: what platforms offer differs in whether it minds data that ends early or goes
 * on behind the last block.
 *
 * @module
 */

import type { InflateFault } from './member.ts'

/** A Huffman code: how many codes have each length, and the symbols in the order of their codes. Filled again and again. */
interface Code {
  readonly counts: Uint16Array
  readonly symbols: Uint16Array
  /** Where the next symbol of each length goes, while they are put in order. */
  readonly next: Uint16Array
  /** How many codes of the longest length are left over: above zero when bits can stand for nothing. */
  left: number
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
  fixed: { readonly literals: Code; readonly distance: Code } | undefined
  /** Room for the codes of blocks that do. A block can be as short as its codes, so making room would be most of the work. */
  readonly own: { readonly bits: Uint8Array; readonly length: Code; readonly literals: Code; readonly distance: Code }
}

const endOfBlock = 256
const longestCode = 15
/** Symbols of literals, lengths and the end of a block that a block may have codes for. */
const literalsAtMost = 286

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
  const own = {
    bits: new Uint8Array(literalsAtMost + distances.length),
    length: roomFor(order.length),
    literals: roomFor(literalsAtMost),
    distance: roomFor(distances.length),
  }
  const state: State = { input, position: 0, buffer: 0, held: 0, output, length: 0, maxBytes, fixed: undefined, own }
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
    literals: codeOf(roomFor(288), new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280), 0, 288),
    distance: codeOf(roomFor(30), new Uint8Array(30).fill(5), 0, 30),
  }
  return readSymbols(state, state.fixed.literals, state.fixed.distance)
}

/** A block that brings its codes along, written in a code that it brings along as well. */
function readDynamic(state: State): InflateFault | undefined {
  const { bits, length, literals, distance } = state.own
  const literalCount = takeBits(state, 5) + 257
  const distanceCount = takeBits(state, 5) + 1
  const orderCount = takeBits(state, 4) + 4
  if (literalCount > literalsAtMost || distanceCount > distances.length) return 'not_gzip'
  bits.fill(0, 0, order.length)
  for (let at = 0; at < orderCount; at++) bits[order[at] as number] = takeBits(state, 3)
  if (codeOf(length, bits, 0, order.length).left !== 0) return 'not_gzip'
  const total = literalCount + distanceCount
  for (let at = 0; at < total; ) {
    const symbol = takeSymbol(state, length)
    if (symbol < 0) return 'not_gzip'
    if (symbol < 16) {
      bits[at++] = symbol
      continue
    }
    if (symbol === 16 && at === 0) return 'not_gzip'
    const repeated = symbol === 16 ? (bits[at - 1] as number) : 0
    const count =
      symbol === 16 ? 3 + takeBits(state, 2) : symbol === 17 ? 3 + takeBits(state, 3) : 11 + takeBits(state, 7)
    if (at + count > total) return 'not_gzip'
    bits.fill(repeated, at, at + count)
    at += count
  }
  if (bits[endOfBlock] === 0) return 'not_gzip'
  codeOf(literals, bits, 0, literalCount)
  codeOf(distance, bits, literalCount, total)
  return isUsable(literals) && isUsable(distance) ? readSymbols(state, literals, distance) : 'not_gzip'
}

/** Whether bits stand for a symbol each. One symbol alone has a code of one bit, the other value of which stands for nothing. */
function isUsable({ left, counts }: Code): boolean {
  if (left <= 0) return left === 0
  for (let size = 2; size <= longestCode; size++) if (counts[size] !== 0) return false
  return true
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

function roomFor(symbols: number): Code {
  return {
    counts: new Uint16Array(longestCode + 1),
    symbols: new Uint16Array(symbols),
    next: new Uint16Array(longestCode + 1),
    left: 0,
  }
}

/**
 * Makes the code of the lengths that stand from `start` to `end`, 0 for symbols without one. `left` is below zero when there
 * are more codes than bits allow; the symbols are not put in order then.
 */
function codeOf(code: Code, bits: Uint8Array, start: number, end: number): Code {
  const { counts, symbols, next } = code
  counts.fill(0)
  for (let at = start; at < end; at++) {
    const size = bits[at] as number
    if (size !== 0) counts[size] = (counts[size] as number) + 1
  }
  let left = 1
  for (let size = 1; size <= longestCode && left >= 0; size++) left = 2 * left - (counts[size] as number)
  code.left = left
  if (left < 0) return code
  next[1] = 0
  for (let size = 1; size < longestCode; size++) next[size + 1] = (next[size] as number) + (counts[size] as number)
  for (let at = start; at < end; at++) {
    const size = bits[at] as number
    if (size === 0) continue
    const place = next[size] as number
    symbols[place] = at - start
    next[size] = place + 1
  }
  return code
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
