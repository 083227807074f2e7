import { describe, expect, it } from 'vitest'
import { parseDid } from '../../../src/core/did/did.ts'
import { didWebLocation } from '../../../src/core/did/did-web-url.ts'
import { isPublicAddress, isPublicName } from '../../../src/core/did/public-address.ts'
import { MalformedError } from '../../../src/errors.ts'

describe('the address of a did:web', () => {
  it.each([
    ['did:web:example.com', 'https://example.com/.well-known/did.json'],
    ['did:web:w3c-ccg.github.io', 'https://w3c-ccg.github.io/.well-known/did.json'],
    ['did:web:w3c-ccg.github.io:user:alice', 'https://w3c-ccg.github.io/user/alice/did.json'],
    ['did:web:example.com%3A3000:user:alice', 'https://example.com:3000/user/alice/did.json'],
    ['did:web:xn--bcher-kva.example', 'https://xn--bcher-kva.example/.well-known/did.json'],
    ['did:web:1.example', 'https://1.example/.well-known/did.json'],
    ['did:web:example.com:.well-known:x', 'https://example.com/.well-known/x/did.json'],
  ])('of %s is %s', (did, url) => {
    expect(didWebLocation(parseDid(did)).url).toBe(url)
    expect(new URL(url).href).toBe(url)
  })

  it.each([
    'did:web:good.example%40evil.example',
    'did:web:good.example%2Fevil',
    'did:web:good.example%2fevil',
    'did:web:good.example%3Fevil',
    'did:web:good.example%23evil',
    'did:web:good.example%5Cevil',
    'did:web:good.example%2Eevil.example',
    'did:web:good.example%00',
    'did:web:Example.com',
    'did:web:example..com',
    'did:web:.example.com',
    'did:web:example.com.',
    'did:web:-example.com',
    'did:web:example-.com',
    'did:web:exa_mple.com',
    `did:web:${'a'.repeat(64)}.example`,
    'did:web::example.com',
    'did:web:%3A80',
    'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  ])('WEB-01 needs a plain host name, unlike %s [attack 68]', (did) => {
    expect(refusal(did)).toMatch(/WEB-0[12]/)
  })

  it.each([
    'did:web:127.0.0.1',
    'did:web:169.254.169.254',
    'did:web:2130706433',
    'did:web:0x7f.1',
    'did:web:0x7f000001',
    'did:web:0177.0.0.1',
    'did:web:127.1',
    'did:web:0',
    'did:web:0x',
    'did:web:1.2.3.0x4',
    'did:web:example.127',
    'did:web:127.0.0.1%3A8080',
    'did:web:93.184.215.14',
  ])('WEB-02 is at no IP address in any spelling, unlike %s [attack 66]', (did) => {
    expect(refusal(did)).toBe('WEB-02')
  })

  it.each(['did:web:%5B::1%5D', 'did:web:::1', 'did:web:%5B2606%3A2800%3A21f%3A%3A1%5D'])(
    'WEB-02 is at no IPv6 address, unlike %s [attack 66]',
    (did) => {
      expect(refusal(did)).toMatch(/WEB-0[123]/)
    },
  )

  it.each([
    'did:web:example.com%3A',
    'did:web:example.com%3a3000',
    'did:web:example.com%3A0',
    'did:web:example.com%3A080',
    'did:web:example.com%3A65536',
    'did:web:example.com%3A999999',
    'did:web:example.com%3A80%3A81',
    'did:web:example.com%3A80a',
    'did:web:example.com%3A-1',
    'did:web:example.com:.',
    'did:web:example.com:..:etc',
    'did:web:example.com:a:%2E%2E:b',
    'did:web:example.com:a%2Fb',
    'did:web:example.com::b',
    'did:web:example.com:a%20b',
  ])('WEB-03 has a plain port and a plain path, unlike %s [attack 68]', (did) => {
    expect(refusal(did)).toMatch(/WEB-0[13]/)
  })
})

describe('a public host', () => {
  it.each(['example.com', 'a.b.example', 'localhost.example'])('can have the name %s', (name) => {
    expect(isPublicName(name)).toBe(true)
  })

  it.each([
    'localhost',
    'metadata',
    'app.localhost',
    'printer.local',
    'metadata.google.internal',
    'router.lan',
    'nas.home.arpa',
    'wiki.corp',
    'a.onion',
  ])('WEB-08 cannot have the name %s [attack 66]', (name) => {
    expect(isPublicName(name)).toBe(false)
  })

  it.each([
    '93.184.215.14',
    '1.1.1.1',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.0.1',
    '192.169.0.1',
    '223.255.255.255',
    '2606:2800:21f::1',
    '2001:4860:4860::8888',
    '2a00:1450:4001:81b::200e',
    '::ffff:93.184.215.14',
  ])('can have the address %s', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })

  it.each([
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.168.1.1',
    '192.88.99.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:10.0.0.1',
    '::FFFF:127.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd12:3456::1',
    'ff02::1',
    '2001:db8::1',
    '2001::1',
    '2002:7f00:1::1',
    '3fff::1',
    '100::1',
    '',
    'example.com',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    '0x7f.0.0.1',
    '2130706433',
    '2606:zz::1',
    '2606:2800:21f::1%eth0',
    '2606:28000::1',
    '[2606:2800:21f::1]',
    ' 1.1.1.1',
  ])('WEB-12 cannot have the address %j [attack 66]', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })
})

function refusal(did: string): string {
  try {
    return didWebLocation(parseDid(did)).url
  } catch (error) {
    if (error instanceof MalformedError) return error.requirement
    throw error
  }
}
