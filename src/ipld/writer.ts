/**
 * Bytes of DAG-CBOR in the making.
 *
 * @module
 */

import { major } from './scanner.ts'

/** Output that grows. */
export interface Writer {
  /** What was written, and room behind it. */
  bytes: Uint8Array
  /** How much of it was written. */
  length: number
}

/** Room for most tokens; a longer one is moved to twice the room as often as it takes. */
const firstRoom = 512

/** Read by code points, a pair is one character and half of a pair is a surrogate. */
const loneSurrogate = /\p{Surrogate}/u

const utf8: TextEncoder = /* @__PURE__ */ new TextEncoder()

/** A writer that has written nothing. */
export function createWriter(): Writer {
  return { bytes: new Uint8Array(firstRoom), length: 0 }
}

/** A copy of what was written. */
export function writtenBytes({ bytes, length }: Writer): Uint8Array {
  return bytes.slice(0, length)
}

/** Writes one byte. */
export function writeByte(writer: Writer, byte: number): void {
  reserve(writer, 1)
  writer.bytes[writer.length++] = byte
}

/**
 * Writes the head of an item: its major type and, in the fewest bytes, its number.
 *
 * @param number - a whole number from 0 to 2^53 - 1
 */
export function writeHead(writer: Writer, kind: number, number: number): void {
  if (number < 24) {
    writeByte(writer, (kind << 5) | number)
    return
  }
  const width = number < 0x100 ? 1 : number < 0x10000 ? 2 : number < 0x100000000 ? 4 : 8
  reserve(writer, 1 + width)
  const { bytes, length } = writer
  // 24 to 27 say that a number of 1, 2, 4 or 8 bytes follows.
  bytes[length] = (kind << 5) | (55 - Math.clz32(width))
  for (let at = length + width, rest = number; at > length; at--) {
    bytes[at] = rest
    rest = Math.floor(rest / 0x100)
  }
  writer.length = length + 1 + width
}

/** Writes a whole number, which is at most 2^53 - 1 from zero, or another number as a float of 64 bits. */
export function writeNumber(writer: Writer, value: number): void {
  if (Number.isInteger(value)) {
    if (value >= 0) writeHead(writer, major.unsigned, value)
    else writeHead(writer, major.negative, -1 - value)
    return
  }
  reserve(writer, 9)
  writer.bytes[writer.length] = 0xfb
  new DataView(writer.bytes.buffer).setFloat64(writer.length + 1, value)
  writer.length += 9
}

/** Writes bytes without a head. */
export function writeRaw(writer: Writer, bytes: Uint8Array): void {
  reserve(writer, bytes.length)
  writer.bytes.set(bytes, writer.length)
  writer.length += bytes.length
}

/**
 * Writes text.
 *
 * @returns false, and the output is spoilt, when the text holds half of a surrogate pair and so has no form in UTF-8.
 */
export function writeText(writer: Writer, text: string): boolean {
  const { length } = text
  const head = writer.length
  writeHead(writer, major.text, length)
  reserve(writer, length)
  const { bytes, length: start } = writer
  // Most text is ASCII and short; a call into the platform's encoder costs more than it.
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x80) return writeUtf8(writer, text, head)
    bytes[start + i] = code
  }
  writer.length = start + length
  return true
}

/** Writes text that is not all ASCII, over what was begun at `head`. */
function writeUtf8(writer: Writer, text: string, head: number): boolean {
  if (loneSurrogate.test(text)) return false
  writer.length = head
  const encoded = utf8.encode(text)
  writeHead(writer, major.text, encoded.length)
  writeRaw(writer, encoded)
  return true
}

/** Makes room for so many bytes more. */
function reserve(writer: Writer, more: number): void {
  const needed = writer.length + more
  if (needed <= writer.bytes.length) return
  const bytes = new Uint8Array(Math.max(needed, writer.bytes.length * 2))
  bytes.set(writer.bytes.subarray(0, writer.length))
  writer.bytes = bytes
}
