import { describe, expect, it } from 'vitest'
import { createCursor } from '../../src/ipld/cursor.ts'
import { hex, refusalOf } from './support.ts'

describe('createCursor', () => {
  it('tells where a value begins', () => {
    const bytes = hex('82 43010203 a1616101')
    const cursor = createCursor(bytes)
    expect(cursor.readArrayHeader()).toBe(2)
    expect(cursor.readBytes()).toEqual(new Uint8Array([1, 2, 3]))
    expect(bytes.subarray(cursor.position)).toEqual(hex('a1616101'))
    expect({ ...(cursor.readValue() as object) }).toEqual({ a: 1 })
    expect(cursor.position).toBe(bytes.length)
    cursor.finish()
  })

  it('CBR-22 refuses an item of another kind than the one asked for', () => {
    for (const bytes of ['40', '00', 'a0', '60', 'f6', `d82a45000155 0000`]) {
      expect(refusalOf(() => createCursor(hex(bytes)).readArrayHeader()).requirement).toBe('CBR-22')
    }
    for (const bytes of ['80', '00', 'a0', '60', 'f6']) {
      expect(refusalOf(() => createCursor(hex(bytes)).readBytes()).requirement).toBe('CBR-22')
    }
  })

  it('is as strict as the decoder, step by step', () => {
    expect(refusalOf(() => createCursor(hex('9801')).readArrayHeader()).requirement).toBe('CBR-03')
    expect(refusalOf(() => createCursor(hex('9affffffff')).readArrayHeader()).requirement).toBe('CBR-02')
    expect(refusalOf(() => createCursor(hex('5f')).readBytes()).requirement).toBe('CBR-09')
    expect(refusalOf(() => createCursor(hex('')).readValue()).requirement).toBe('CBR-02')
    expect(refusalOf(() => createCursor(hex('00')).finish()).requirement).toBe('CBR-01')
    expect(refusalOf(() => createCursor(new Uint8Array(9), { bytes: 8 })).requirement).toBe('CBR-19')
  })

  it('counts the list stepped into as a level', () => {
    const cursor = createCursor(hex('8180'), { depth: 1 })
    cursor.readArrayHeader()
    expect(refusalOf(() => cursor.readValue()).requirement).toBe('CBR-16')
  })
})
