/**
 * Gzip that is the same on every machine, unlike the gzip of a platform. It knows one way to compress: a repeated byte
 * becomes a length.
 *
 * @module
 */

import { concat } from './cbor.ts'

/** One gzip member (RFC 1952) of these contents. */
export function gzip(contents: Uint8Array): Uint8Array {
  return concat([gzipHead, deflate(contents), littleEndian(crc32(contents)), littleEndian(contents.length)])
}

/** Ten bytes: magic number, deflate, no flags, no time, no operating system. */
export const gzipHead: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)

/** One block of deflate (RFC 1951) with the fixed codes. */
export function deflate(contents: Uint8Array): Uint8Array {
  const bits: number[] = []
  const writeBits = (value: number, count: number): void => {
    for (let bit = 0; bit < count; bit++) bits.push((value >>> bit) & 1)
  }
  // Huffman codes are written with their first bit first, all other numbers with their last bit first.
  const writeCode = (code: number, count: number): void => {
    for (let bit = count - 1; bit >= 0; bit--) bits.push((code >>> bit) & 1)
  }
  const writeSymbol = (symbol: number): void => {
    if (symbol < 144) writeCode(0x30 + symbol, 8)
    else if (symbol < 256) writeCode(0x190 + symbol - 144, 9)
    else if (symbol < 280) writeCode(symbol - 256, 7)
    else writeCode(0xc0 + symbol - 280, 8)
  }
  writeBits(1, 1)
  writeBits(1, 2)
  for (let at = 0; at < contents.length; ) {
    const byte = contents[at] as number
    writeSymbol(byte)
    at++
    // The length of 258 has a symbol of its own without further bits; distance 1 is the code 0.
    while (isRun(contents, at, byte)) {
      writeSymbol(285)
      writeCode(0, 5)
      at += longest
    }
  }
  writeSymbol(256)
  const bytes = new Uint8Array(Math.ceil(bits.length / 8))
  for (const [at, bit] of bits.entries()) bytes[at >>> 3] = (bytes[at >>> 3] as number) | (bit << (at & 7))
  return bytes
}

/** The check sum of gzip. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}

/** A number of 32 bits, least byte first. */
export function littleEndian(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24)
}

const longest = 258

function isRun(contents: Uint8Array, start: number, byte: number): boolean {
  if (start + longest > contents.length) return false
  for (let at = start; at < start + longest; at++) if (contents[at] !== byte) return false
  return true
}
