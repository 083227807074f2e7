import { describe, expect, it } from 'vitest'
import { createTextReader } from '../../../src/core/authorization/text-reader.ts'
import { parseDid } from '../../../src/core/did/did.ts'

describe('a reader that remembers', () => {
  it('decodes each text once while it is remembered, and returns the same text', () => {
    let reads = 0
    const read = createTextReader((text) => {
      reads += 1
      return text.toUpperCase()
    }, 4)
    expect([read('A'), read('A'), read('B')]).toEqual(['A', 'A', 'B'])
    expect(reads).toBe(2)
    for (const text of ['C', 'D', 'E', 'F', 'G']) read(text)
    read('A')
    expect(reads).toBe(8)
  })

  it('remembers no refusal', () => {
    const read = createTextReader(parseDid, 4)
    for (let i = 0; i < 2; i++) expect(() => read('did:key:zz')).toThrow()
    expect(read('did:web:example.com')).toBe('did:web:example.com')
  })
})
