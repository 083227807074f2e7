import { describe, expect, it } from 'vitest'
import { readByteString, readEnd, readListHead, readValue } from '../../../src/core/ipld/decode.ts'
import { createScanner } from '../../../src/core/ipld/scanner.ts'
import { hex, refusalOf } from './support.ts'

describe('a scanner', () => {
  it('finds the beginning of a value', () => {
    const bytes = hex('82 43010203 a1616101')
    const scanner = createScanner(bytes)
    expect(readListHead(scanner)).toBe(2)
    expect(readByteString(scanner)).toEqual(new Uint8Array([1, 2, 3]))
    expect(bytes.subarray(scanner.position)).toEqual(hex('a1616101'))
    expect({ ...(readValue(scanner) as object) }).toEqual({ a: 1 })
    expect(scanner.position).toBe(bytes.length)
    readEnd(scanner)
  })

  it('CBR-22 refuses an item of another kind than the one asked for', () => {
    for (const bytes of ['40', '00', 'a0', '60', 'f6', `d82a45000155 0000`]) {
      expect(refusalOf(() => readListHead(createScanner(hex(bytes)))).requirement).toBe('CBR-22')
    }
    for (const bytes of ['80', '00', 'a0', '60', 'f6']) {
      expect(refusalOf(() => readByteString(createScanner(hex(bytes)))).requirement).toBe('CBR-22')
    }
  })

  it('is as strict as the decoder, step by step', () => {
    expect(refusalOf(() => readListHead(createScanner(hex('9801')))).requirement).toBe('CBR-03')
    expect(refusalOf(() => readListHead(createScanner(hex('9affffffff')))).requirement).toBe('CBR-02')
    expect(refusalOf(() => readByteString(createScanner(hex('5f')))).requirement).toBe('CBR-09')
    expect(refusalOf(() => readValue(createScanner(hex('')))).requirement).toBe('CBR-02')
    expect(refusalOf(() => readEnd(createScanner(hex('00')))).requirement).toBe('CBR-01')
    expect(refusalOf(() => createScanner(new Uint8Array(9), { bytes: 8 })).requirement).toBe('CBR-19')
  })

  it('counts the list stepped into as a level', () => {
    const scanner = createScanner(hex('8180'), { depth: 1 })
    readListHead(scanner)
    expect(refusalOf(() => readValue(scanner)).requirement).toBe('CBR-16')
  })

  it('copies byte strings, or gives views of them when asked', () => {
    const bytes = hex('81 43010203')
    const [copy] = readValue(createScanner(bytes)) as Uint8Array[]
    const [view] = readValue(createScanner(bytes, undefined, { views: true })) as Uint8Array[]
    bytes[2] = 9
    expect([...(copy as Uint8Array)]).toEqual([1, 2, 3])
    expect([...(view as Uint8Array)]).toEqual([9, 2, 3])
  })

  it('notes where the keys of maps at a depth begin', () => {
    const bytes = hex('a2 6161 a1 6178 01 6162 a2 6179 f5 627a7a 80')
    const scanner = createScanner(bytes, undefined, { noteKeysAt: 2 })
    readValue(scanner)
    expect(scanner.keysNoted).toEqual([4, 10, 13])
  })
})
