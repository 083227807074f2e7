import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readValue } from '../../../src/core/ipld/decode.ts'
import { createScanner } from '../../../src/core/ipld/scanner.ts'
import { createTextCache, type TextCache } from '../../../src/core/ipld/text-cache.ts'
import { hex, refusalOf } from './support.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array, start: number, end: number): string {
  return utf8.decode(bytes.subarray(start, end))
}

/** Reads a text like a decoder, between other bytes, and returns whether it had to be decoded. */
function read(cache: TextCache, text: string): { readonly found: string; readonly decoded: boolean } {
  const bytes = new TextEncoder().encode(`<${text}>`)
  let decoded = false
  const found = cache.read(bytes, 1, bytes.length - 1, (...range) => {
    decoded = true
    return decode(...range)
  })
  bytes.fill(0)
  return { found, decoded }
}

describe('a cache of texts', () => {
  it('decodes a text once, and returns the same text after the bytes have changed', () => {
    const cache = createTextCache()
    for (const text of ['iss', 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK']) {
      expect(read(cache, text)).toEqual({ found: text, decoded: true })
      expect(read(cache, text)).toEqual({ found: text, decoded: false })
    }
  })

  it('distinguishes texts that share a place', () => {
    const cache = createTextCache()
    // The place is found by the length and the last five bytes.
    const [one, two] = ['one:abcde', 'two:abcde'] as const
    for (let i = 0; i < 3; i++) {
      expect(read(cache, one)).toEqual({ found: one, decoded: true })
      expect(read(cache, two)).toEqual({ found: two, decoded: true })
    }
  })

  it('does not take bytes for the characters of their numbers', () => {
    const cache = createTextCache()
    expect(read(cache, 'aé').found).toBe('aé')
    expect(() => cache.read(Uint8Array.of(0x61, 0xe9), 0, 2, decode)).toThrow(TypeError)
  })

  it('does not keep long texts, others than of ASCII, nor what could not be decoded', () => {
    const cache = createTextCache()
    for (const text of ['ü', 'x'.repeat(129)]) {
      expect(read(cache, text).decoded).toBe(true)
      expect(read(cache, text).decoded).toBe(true)
    }
    const wrong = Uint8Array.of(0xc0, 0x80)
    for (let i = 0; i < 2; i++) expect(() => cache.read(wrong, 0, 2, decode)).toThrow(TypeError)
  })

  it('does not change the decoded values', () => {
    const cache = createTextCache()
    const texts = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 140 }), fc.constantFrom('iss', 'aud', 'sub', 'cmd'))
    fc.assert(
      fc.property(texts, (text) => {
        expect(read(cache, text).found).toBe(text)
      }),
    )
  })
})

describe('a scanner with such a cache', () => {
  it('looks up texts down to the depth of its notes, and no text further inside', () => {
    const asked: string[] = []
    const texts: TextCache = {
      read(bytes, start, end, decodeText) {
        const text = decodeText(bytes, start, end)
        asked.push(text)
        return text
      },
    }
    // {"a": "b", "c": ["d"]}
    readValue(createScanner(hex('a2 6161 6162 6163 816164'), undefined, { noteKeysAt: 1, texts }))
    expect(asked).toEqual(['a', 'b', 'c'])
  })

  it('CBR-08 refuses what is not UTF-8 each time', () => {
    const texts = createTextCache()
    for (let i = 0; i < 2; i++) {
      const scanner = createScanner(hex('a1 62c080 00'), undefined, { noteKeysAt: 1, texts })
      expect(refusalOf(() => readValue(scanner)).requirement).toBe('CBR-08')
    }
  })
})
