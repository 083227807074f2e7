/**
 * The input of a DAG-CBOR reader, its position, and the heads of items. Memory and time are bounded before they are
 * spent.
 *
 * @module
 */

import { checkDepth } from '../../bounds.ts'
import { ArgumentError, MalformedError, type MalformedKind } from '../../errors.ts'
import type { TextCache } from './text-cache.ts'

/** The bounds of a decoder. */
export interface DecodeBounds {
  /** Length of the input in bytes; 65,536 by default. */
  readonly bytes: number
  /** Levels of lists and maps; 32 by default. */
  readonly depth: number
  /** Number of values and keys at all levels; 8,192 by default. */
  readonly items: number
  /** Length in bytes of one string or byte string; 65,536 by default. */
  readonly stringBytes: number
}

/** The bounds of a token. */
export const defaultDecodeBounds: DecodeBounds = Object.freeze({
  bytes: 65_536,
  depth: 32,
  items: 8_192,
  stringBytes: 65_536,
})

/** Options of a reader. */
export interface ScanOptions {
  /** Byte strings are views of the input, which the caller must not change, and not copies. */
  readonly views?: boolean
  /** Records the offsets of map keys at this depth. The outermost list or map has depth 1. */
  readonly noteKeysAt?: number
  /** A cache of the strings at the depth `noteKeysAt` and above. */
  readonly texts?: TextCache | undefined
}

/** Input with a position. */
export interface Scanner {
  /** The whole input. */
  readonly bytes: Uint8Array
  readonly bounds: DecodeBounds
  /** Offset of the next byte. */
  position: number
  /** Number of open lists and maps. */
  depth: number
  /** Number of items so far. */
  items: number
  readonly views: boolean
  readonly noteKeysAt: number
  /** Offsets of keys at the depth `noteKeysAt`. */
  readonly keysNoted: number[]
  readonly texts: TextCache | undefined
}

/** Major types of CBOR (RFC 8949, section 3.1). */
export const major: {
  readonly unsigned: 0
  readonly negative: 1
  readonly bytes: 2
  readonly text: 3
  readonly list: 4
  readonly map: 5
  readonly tag: 6
  readonly simple: 7
} = { unsigned: 0, negative: 1, bytes: 2, text: 3, list: 4, map: 5, tag: 6, simple: 7 }

/**
 * Creates a scanner at the first byte.
 *
 * @throws ArgumentError when `input` is not a Uint8Array.
 * @throws MalformedError CBR-19 when it is too long.
 */
export function createScanner(input: Uint8Array, given?: Partial<DecodeBounds>, options?: ScanOptions): Scanner {
  if (!(input instanceof Uint8Array)) throw new ArgumentError('the bytes to decode must be a Uint8Array')
  const bounds = completeBounds(given)
  if (input.length > bounds.bytes) {
    throw new MalformedError('CBR-19', `the input is longer than ${bounds.bytes} bytes`, { kind: 'too_large' })
  }
  return {
    bytes: plainBytes(input),
    bounds,
    position: 0,
    depth: 0,
    items: 0,
    views: options?.views === true,
    noteKeysAt: options?.noteKeysAt ?? 0,
    keysNoted: [],
    texts: options?.texts,
  }
}

/** Fills in each bound by name, because a bound of `undefined` would never apply. */
function completeBounds(given: Partial<DecodeBounds> | undefined): DecodeBounds {
  if (given === undefined) return defaultDecodeBounds
  return {
    bytes: given.bytes ?? defaultDecodeBounds.bytes,
    depth: checkDepth(given.depth ?? defaultDecodeBounds.depth),
    items: given.items ?? defaultDecodeBounds.items,
    stringBytes: given.stringBytes ?? defaultDecodeBounds.stringBytes,
  }
}

/** Reads the first byte of the next item and counts the item. */
export function readInitialByte(scanner: Scanner): number {
  const byte = scanner.bytes[scanner.position]
  if (byte === undefined) throw endsEarly(scanner)
  if (++scanner.items > scanner.bounds.items) throw tooManyItems(scanner)
  scanner.position++
  return byte
}

/** Reads the number of a head after its first byte: a value, a length or a tag. */
export function readArgument(scanner: Scanner, initial: number): number {
  const info = initial & 0x1f
  if (info < 24) return info
  const { bytes, position } = scanner
  if (info > 27) throw refuse('CBR-09', 'the length is indefinite or reserved', position - 1)
  const width = 1 << (info - 24)
  if (position + width > bytes.length) throw endsEarly(scanner)
  let value = 0
  for (let i = position; i < position + width; i++) value = value * 256 + (bytes[i] as number)
  // The smallest value that requires this width: 24, 2^8, 2^16, 2^32.
  const least = width === 1 ? 24 : 2 ** (width * 4)
  if (value < least) throw refuse('CBR-03', 'the number is not in its shortest form', position - 1)
  scanner.position = position + width
  return value
}

/** Reads the length of a string or byte string, which must fit into the rest of the input. */
export function readLength(scanner: Scanner, initial: number): number {
  const start = scanner.position - 1
  const length = readArgument(scanner, initial)
  if (length > scanner.bytes.length - scanner.position) throw endsEarly(scanner)
  if (length > scanner.bounds.stringBytes) {
    throw refuse('CBR-18', `the string is longer than ${scanner.bounds.stringBytes} bytes`, start, 'too_large')
  }
  return length
}

/** Reads the number of items of a list or map, and enters it. */
export function enter(scanner: Scanner, initial: number, itemsEach: 1 | 2): number {
  const start = scanner.position - 1
  const count = readArgument(scanner, initial)
  // Every item has at least one byte, so no memory is reserved for items that cannot exist.
  if (count * itemsEach > scanner.bytes.length - scanner.position) throw endsEarly(scanner)
  if (scanner.items + count * itemsEach > scanner.bounds.items) throw tooManyItems(scanner)
  if (++scanner.depth > scanner.bounds.depth) {
    throw refuse('CBR-16', `more than ${scanner.bounds.depth} levels`, start, 'too_large')
  }
  return count
}

/** Makes an error with the position of the byte. */
export function refuse(
  requirement: string,
  what: string,
  offset: number,
  kind: MalformedKind = 'malformed',
  cause?: unknown,
): MalformedError {
  return new MalformedError(requirement, `${what} at byte ${offset}`, {
    kind,
    ...(cause !== undefined && { cause }),
  })
}

/** Makes the error for input that ends inside an item. */
export function endsEarly(scanner: Scanner): MalformedError {
  return refuse('CBR-02', 'the input ends early', scanner.position)
}

function tooManyItems(scanner: Scanner): MalformedError {
  return refuse('CBR-17', `more than ${scanner.bounds.items} items`, scanner.position, 'too_large')
}

/**
 * The input as a plain `Uint8Array` over the same memory, because `slice` of a subclass may share memory instead of
 * copying it. Memory that other threads can write is copied, so that it cannot change after a check.
 */
function plainBytes(input: Uint8Array): Uint8Array {
  if (!(input.buffer instanceof ArrayBuffer)) return new Uint8Array(input)
  if (input.constructor === Uint8Array) return input
  return new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
}
