/**
 * Reads DAG-CBOR in one pass and accepts only its canonical form: accepted bytes are exactly the bytes that any strict
 * encoder writes, so a token has one spelling and one CID.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { isTokenCidAt, readCid, wrapTokenCid } from './cid.ts'
import {
  createScanner,
  type DecodeBounds,
  endsEarly,
  enter,
  major,
  readArgument,
  readInitialByte,
  readLength,
  refuse,
  type Scanner,
} from './scanner.ts'
import { decodeShortText } from './short-text.ts'
import type { IpldValue } from './value.ts'

/** The tag of a link (DAG-CBOR, "Links"). */
const linkTag = 42

/** Keeps a byte order mark. Without it, two byte strings would be one string. */
const utf8: TextDecoder = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Decodes one value, which must be the whole input. Maps have no prototype. Bytes and links are copies, so later
 * changes of the input do not affect them.
 *
 * @param bounds - see {@link DecodeBounds}; default: those of a token.
 * @throws MalformedError with the id of a CBR requirement. The message gives the position of the byte.
 */
export function decodeCbor(bytes: Uint8Array, bounds?: Partial<DecodeBounds>): IpldValue {
  const scanner = createScanner(bytes, bounds)
  const value = readValue(scanner)
  readEnd(scanner)
  return value
}

/** Refuses bytes after the last value. */
export function readEnd(scanner: Scanner): void {
  if (scanner.position !== scanner.bytes.length) throw refuse('CBR-01', 'more bytes follow the value', scanner.position)
}

/** Reads the head of a list and enters it. Returns the number of its values. */
export function readListHead(scanner: Scanner): number {
  return enter(scanner, readHeadOf(scanner, major.list, 'list'), 1)
}

/** Reads a byte string. */
export function readByteString(scanner: Scanner): Uint8Array {
  return takeBytes(scanner, readLength(scanner, readHeadOf(scanner, major.bytes, 'byte string')))
}

function readHeadOf(scanner: Scanner, kind: number, name: string): number {
  const start = scanner.position
  const initial = readInitialByte(scanner)
  if (initial >>> 5 !== kind) throw refuse('CBR-22', `expected a ${name}`, start)
  return initial
}

/** Reads the next value, of any kind. */
export function readValue(scanner: Scanner): IpldValue {
  const start = scanner.position
  const initial = readInitialByte(scanner)
  switch (initial >>> 5) {
    case major.unsigned:
      return safe(readArgument(scanner, initial), start)
    case major.negative:
      return safe(-1 - readArgument(scanner, initial), start)
    case major.bytes:
      return takeBytes(scanner, readLength(scanner, initial))
    case major.text:
      return takeText(scanner, readLength(scanner, initial))
    case major.list:
      return readList(scanner, initial)
    case major.map:
      return readMap(scanner, initial)
    case major.tag:
      return readLink(scanner, initial)
    default:
      return readSimple(scanner, initial)
  }
}

function readList(scanner: Scanner, initial: number): readonly IpldValue[] {
  const count = enter(scanner, initial, 1)
  const list: IpldValue[] = []
  for (let i = 0; i < count; i++) list.push(readValue(scanner))
  scanner.depth--
  return list
}

function readMap(scanner: Scanner, initial: number): { readonly [key: string]: IpldValue } {
  const count = enter(scanner, initial, 2)
  // CBR-20: Without a prototype, a map neither inherits keys nor can change the prototype of others.
  // `Object.create(null)` makes a hash table, which takes twice as long to fill.
  const map = Object.setPrototypeOf({}, null) as { [key: string]: IpldValue }
  let before = 0
  let lengthBefore = -1
  for (let i = 0; i < count; i++) {
    const start = scanner.position
    if (scanner.depth === scanner.noteKeysAt) scanner.keysNoted.push(start)
    const head = readInitialByte(scanner)
    if (head >>> 5 !== major.text) throw refuse('CBR-06', 'the map key is not a string', start)
    const length = readLength(scanner, head)
    const at = scanner.position
    checkOrder(scanner.bytes, before, lengthBefore, at, length, start)
    const key = takeText(scanner, length)
    if (key === '__proto__') throw refuse('CBR-07', 'the map key is `__proto__`', start)
    map[key] = readValue(scanner)
    before = at
    lengthBefore = length
  }
  scanner.depth--
  return map
}

/** Refuses a key that does not come after the previous key. */
function checkOrder(
  bytes: Uint8Array,
  before: number,
  lengthBefore: number,
  at: number,
  length: number,
  start: number,
): void {
  // Canonical order: by length, then by bytes.
  let difference = length - lengthBefore
  for (let i = 0; difference === 0 && i < length; i++) {
    difference = (bytes[at + i] as number) - (bytes[before + i] as number)
  }
  if (difference < 0) throw refuse('CBR-04', 'the map keys are out of order', start)
  if (difference === 0) throw refuse('CBR-05', 'the map key is a duplicate', start)
}

function readLink(scanner: Scanner, initial: number): IpldValue {
  const start = scanner.position - 1
  if (readArgument(scanner, initial) !== linkTag) throw refuse('CBR-13', 'the tag is not 42', start)
  const head = scanner.bytes[scanner.position]
  if (head === undefined) throw endsEarly(scanner)
  if (head >>> 5 !== major.bytes) throw refuse('CBR-14', 'the link is not a byte string', start)
  scanner.position++
  const length = readLength(scanner, head)
  const { bytes, position } = scanner
  const end = position + length
  if (length === 0 || bytes[position] !== 0) throw refuse('CBR-14', 'the link does not begin with a zero byte', start)
  scanner.position = end
  return takeCid(bytes, position + 1, end, start)
}

function takeCid(bytes: Uint8Array, at: number, end: number, start: number): CID {
  if (isTokenCidAt(bytes, at, end)) return wrapTokenCid(bytes.slice(at, end))
  try {
    return readCid(bytes.subarray(at, end))
  } catch (cause) {
    throw refuse('CBR-14', 'malformed token: a link that is not a CID begins', start, undefined, cause)
  }
}

function readSimple(scanner: Scanner, initial: number): IpldValue {
  const start = scanner.position - 1
  switch (initial & 0x1f) {
    case 20:
      return false
    case 21:
      return true
    case 22:
      return null
    case 25:
    case 26:
      throw refuse('CBR-10', 'the float does not have 64 bits', start)
    case 27:
      return readFloat(scanner, start)
    case 31:
      throw refuse('CBR-12', 'unexpected break', start)
    default:
      throw refuse('CBR-12', 'the simple value is not false, true or null', start)
  }
}

function readFloat(scanner: Scanner, start: number): number {
  const { bytes, position } = scanner
  if (position + 8 > bytes.length) throw endsEarly(scanner)
  const value = new DataView(bytes.buffer, bytes.byteOffset + position, 8).getFloat64(0)
  if (!Number.isFinite(value)) throw refuse('CBR-11', 'the float is not finite', start)
  scanner.position = position + 8
  // CBR-21: An integer as a float is valid, and is the same number.
  return safe(value, start)
}

/**
 * Beyond 2^53 - 1, adjacent integers become one number, and the decision would be about a number that was not signed.
 */
function safe(value: number, start: number): number {
  if (value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER) {
    throw refuse('CBR-15', 'the number is beyond 2^53 - 1', start)
  }
  return value
}

/** Takes bytes whose length was read: a copy, or a view if the scanner has `views`. */
function takeBytes(scanner: Scanner, length: number): Uint8Array {
  const { bytes, position, views } = scanner
  const end = position + length
  scanner.position = end
  return views ? bytes.subarray(position, end) : bytes.slice(position, end)
}

function takeText(scanner: Scanner, length: number): string {
  const { bytes, position, texts } = scanner
  const end = position + length
  scanner.position = end
  if (texts !== undefined && scanner.depth <= scanner.noteKeysAt) return texts.read(bytes, position, end, decodeText)
  return decodeText(bytes, position, end)
}

/** Decodes UTF-8. Throws CBR-08 when the bytes are something else. */
function decodeText(bytes: Uint8Array, position: number, end: number): string {
  return decodeShortText(bytes, position, end) ?? takeUtf8(bytes, position, end)
}

function takeUtf8(bytes: Uint8Array, start: number, end: number): string {
  try {
    return utf8.decode(bytes.subarray(start, end))
  } catch (cause) {
    throw refuse('CBR-08', 'the text is not UTF-8', start, undefined, cause)
  }
}
