/**
 * The output of a DAG-CBOR writer.
 *
 * @module
 */

import { major } from './scanner.ts'

/** Output that grows. */
export interface Writer {
  /** The written bytes, and free room after them. */
  bytes: Uint8Array
  /** The number of written bytes. */
  length: number
}

/** Enough for most tokens. The room is doubled when it is full. */
const firstRoom = 512

/** With the flag `u`, a pair of surrogates is one character, so this matches a lone one. */
const loneSurrogate = /\p{Surrogate}/u

const utf8: TextEncoder = /* @__PURE__ */ new TextEncoder()

/**
 * Creates a writer.
 *
 * @param before - what it has written, at most 512 bytes. Default: nothing.
 */
export function createWriter(before?: Uint8Array): Writer {
  const bytes = new Uint8Array(firstRoom)
  if (before !== undefined) bytes.set(before)
  return { bytes, length: before?.length ?? 0 }
}

/** A copy of the written bytes. */
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
 * @param number - an integer from 0 to 2^53 - 1.
 */
export function writeHead(writer: Writer, kind: number, number: number): void {
  if (number < 24) {
    writeByte(writer, (kind << 5) | number)
    return
  }
  const width = number < 0x100 ? 1 : number < 0x10000 ? 2 : number < 0x100000000 ? 4 : 8
  reserve(writer, 1 + width)
  const { bytes, length } = writer
  // 24 to 27 announce a number of 1, 2, 4 or 8 bytes.
  bytes[length] = (kind << 5) | (55 - Math.clz32(width))
  for (let at = length + width, rest = number; at > length; at--) {
    bytes[at] = rest
    rest = Math.floor(rest / 0x100)
  }
  writer.length = length + 1 + width
}

/** Writes an integer within ±(2^53 - 1), or another number as a float of 64 bits. */
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
 * Writes a string.
 *
 * @returns false when the string contains a lone surrogate, which UTF-8 cannot encode. The output is then invalid.
 */
export function writeText(writer: Writer, text: string): boolean {
  const { length } = text
  const head = writer.length
  writeHead(writer, major.text, length)
  reserve(writer, length)
  const { bytes, length: start } = writer
  // Most strings are short and ASCII, and the call of the platform's encoder costs more than the work.
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x80) return writeUtf8(writer, text, head)
    bytes[start + i] = code
  }
  writer.length = start + length
  return true
}

/** Writes a string that is not all ASCII, over the bytes from `head` on. */
function writeUtf8(writer: Writer, text: string, head: number): boolean {
  if (loneSurrogate.test(text)) return false
  writer.length = head
  const encoded = utf8.encode(text)
  writeHead(writer, major.text, encoded.length)
  writeRaw(writer, encoded)
  return true
}

/** Makes room for more bytes. The writer may have another array afterwards. */
export function reserve(writer: Writer, more: number): void {
  const needed = writer.length + more
  if (needed <= writer.bytes.length) return
  const bytes = new Uint8Array(Math.max(needed, writer.bytes.length * 2))
  bytes.set(writer.bytes.subarray(0, writer.length))
  writer.bytes = bytes
}
