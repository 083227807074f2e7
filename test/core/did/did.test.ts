import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { didMethod, isDid, parseDid } from '../../../src/core/did/did.ts'
import { MalformedError } from '../../../src/errors.ts'
import { costOf } from '../../support/cost.ts'

const good = [
  'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  'did:web:example.com',
  'did:web:example.com%3A3000:user:alice',
  'did:plc:ewvi7nxzyoun6zhxrhs64oiz',
  'did:example:a:b::c',
  'did:example:-._A9',
]

describe('a DID', () => {
  it.each(good)('DID-04 is kept unchanged: %s', (text) => {
    expect(parseDid(text)).toBe(text)
    expect(isDid(text)).toBe(true)
  })

  it('DID-01 has at most 128 characters, which is asked first [attack 62]', () => {
    const longest = `did:example:${'a'.repeat(128 - 12)}`
    expect(parseDid(longest)).toHaveLength(128)
    expect(refusal(`${longest}a`)).toEqual(['DID-01', 'too_large'])
    for (const text of [
      `did:key:z${'6'.repeat(100_000)}`,
      'did:'.repeat(1_000_000),
      `did:x:${'%'.repeat(1_000_000)}`,
    ]) {
      expect.soft(costOf(() => expect.soft(refusal(text)[0]).toBe('DID-01'))).toBeLessThan(1)
    }
  })

  it.each([
    '',
    'did',
    'did:',
    'did:key',
    'did:key:',
    'did::abc',
    'DID:web:example.com',
    'did:Web:example.com',
    'did:we-b:example.com',
    'did:web:',
    'did:web:example.com:',
    'did:web:exa mple.com',
    ' did:web:example.com',
    'did:web:example.com ',
    'did:web:example.com\n',
    'did:web:ex%2gample',
    'did:web:ex%',
    'did:web:exämple.com',
    'did:web:ex\u200bample.com',
    'did:web:exam\u0000ple',
    'did:web:user@example.com',
    'did:web:[::1]',
    'did:web:example.com;a=b',
    'urn:did:web:example.com',
    'z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  ])('DID-02 is of the syntax of DID Core, unlike %j', (text) => {
    expect(refusal(text)).toEqual(['DID-02', 'malformed'])
    expect(isDid(text)).toBe(false)
  })

  it.each([
    'did:web:example.com#key-1',
    'did:web:example.com/path',
    'did:web:example.com?query',
    'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK#z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  ])('DID-03 is no DID URL, unlike %s', (text) => {
    expect(refusal(text)).toEqual(['DID-03', 'malformed'])
  })

  it('that is a did:key has a key of good form', () => {
    expect(refusal('did:key:abc')[0]).toBe('KEY-02')
    expect(refusal('did:key:zabc')[0]).toBe('KEY-03')
  })

  it('DID-04 is another one in another spelling', () => {
    expect(parseDid('did:web:Example.com')).not.toBe(parseDid('did:web:example.com'))
    expect(parseDid('did:web:example.com%3a80')).not.toBe(parseDid('did:web:example.com%3A80'))
  })

  it('is refused or read, never anything else', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((tail) => `did:web:${tail}`),
        ),
        (text) => {
          expect(isDid(text)).toBe(refusal(text)[0] === 'accepted')
        },
      ),
    )
  })

  it('has a method', () => {
    expect(didMethod(parseDid('did:web:example.com:a:b'))).toBe('web')
    expect(didMethod(parseDid('did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'))).toBe('key')
  })

  it.each([undefined, null, 1, {}, ['did:web:example.com']])('is a string, unlike %j', (value) => {
    expect(isDid(value)).toBe(false)
  })

  it('that is refused is shown without what could deceive in a log', () => {
    expect(() => parseDid('did:web:a\u202e\u001b[31mb')).toThrow('`did:web:a\\u202e\\u001b[31mb` is not a DID')
  })
})

function refusal(text: string): readonly [requirement: string, kind?: string] {
  try {
    parseDid(text)
    return ['accepted']
  } catch (error) {
    if (error instanceof MalformedError) return [error.requirement, error.kind]
    throw error
  }
}
