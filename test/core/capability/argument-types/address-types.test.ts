import { describe, expect, it } from 'vitest'
import { email } from '../../../../src/core/capability/argument-types/email.ts'
import { hostName } from '../../../../src/core/capability/argument-types/host-name.ts'
import { ipAddress } from '../../../../src/core/capability/argument-types/ip-address.ts'
import { problemOf } from './problem-of.ts'

describe('hostName', () => {
  it.each(['example.com', 'localhost', 'a-b.example', '1.example', 'x'.repeat(63), `${'a.'.repeat(126)}a`, '3com.com'])(
    'ARG-14 takes %s',
    (value) => {
      expect(problemOf(hostName(), value)).toBeUndefined()
    },
  )

  it.each([
    ['nothing', ''],
    ['upper case', 'Example.com'],
    ['a dot at the end', 'example.com.'],
    ['a dot at the start', '.example.com'],
    ['an empty label', 'example..com'],
    ['a hyphen at the start', '-a.example'],
    ['a hyphen at the end', 'a-.example'],
    ['an underscore', 'a_b.example'],
    ['a space', 'a b.example'],
    ['a line end', 'example.com\n'],
    ['a port', 'example.com:80'],
    ['a slash', 'example.com/x'],
    ['an at sign', 'a@example.com'],
    ['an encoded dot', 'example%2ecom'],
    ['a full-width dot', 'example\uff0ecom'],
    ['an ideographic stop', 'example\u3002com'],
    ['a Cyrillic letter', 'ex\u0430mple.com'],
    ['Punycode', 'xn--exmple-4nf.com'],
    ['an encoded label of another kind', 'ab--cd.com'],
    ['a version 4 address', '127.0.0.1'],
    ['a number', '2130706433'],
    ['a hexadecimal number', '0x7f000001'],
    ['a short address', '127.1'],
    ['a hexadecimal last label', 'a.0x1'],
    ['a version 6 address', '::1'],
    ['a long label', `${'x'.repeat(64)}.com`],
    ['254 characters', `${'a.'.repeat(126)}aa`],
    ['no text', 5],
  ])('ARG-14 refuses %s [attack 45]', (_, value) => {
    expect(problemOf(hostName(), value)).toBeTypeOf('string')
  })

  it('ARG-14 takes Punycode where it is asked for', () => {
    expect(problemOf(hostName({ punycode: true }), 'xn--bcher-kva.example')).toBeUndefined()
    expect(problemOf(hostName({ punycode: true }), 'ab--cd.example')).toBeTypeOf('string')
  })
})

describe('ipAddress', () => {
  it.each(['0.0.0.0', '127.0.0.1', '255.255.255.255', '10.1.2.3'])('ARG-13 takes %s', (value) => {
    expect(problemOf(ipAddress(), value)).toBeUndefined()
    expect(problemOf(ipAddress({ version: 4 }), value)).toBeUndefined()
    expect(problemOf(ipAddress({ version: 6 }), value)).toBeTypeOf('string')
  })

  it.each([
    '::',
    '::1',
    '1::',
    '2001:db8::1',
    '2001:db8:0:1:1:1:1:1',
    '2003:0:0:1::1',
    '::1:7f00:1',
    '64:ff9b:2::1',
    '64:ff9c::7f00:1',
    '2001:1::7f00:1',
    '2001:db8::ffff:7f00:1',
    '2001:db8::5efe:0:7f00:1',
    '2001:db8::1:0:0:1',
    'fe80::1',
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '1:2:3:4:5:6:7:8',
    '::2:3:4:5:6:7',
  ])('ARG-13 takes %s', (value) => {
    expect(problemOf(ipAddress(), value)).toBeUndefined()
    expect(problemOf(ipAddress({ version: 6 }), value)).toBeUndefined()
    expect(problemOf(ipAddress({ version: 4 }), value)).toBeTypeOf('string')
  })

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    '1.2.3.04',
    '1.2.3.+4',
    '1.2.3.4 ',
    '1.2.3.4\n',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '2130706433',
    '127.1',
    '1.2.3.4/8',
    '1.2.3.\u0664',
    '::FFFF',
    '2001:DB8::1',
    '2001:0db8::1',
    '2001:db8:0:0:0:0:0:1',
    '2001:db8::0:1',
    '2001::1:0:0:1:1:1',
    '2001:db8::1::1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    ':::',
    ':',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '[::1]',
    '::ffff:1.2.3.4',
    '::ffff:102:304',
    '::1.2.3.4',
    '64:ff9b::1.2.3.4',
    '::7f00:1',
    '::2',
    '::1:0',
    '::ffff:0:7f00:1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::7f00:1',
    '64:ff9b:1:ffff:ffff:ffff:7f00:1',
    '2001::7f00:1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2002:7f00:1::',
    '2001:db8::5efe:7f00:1',
    'fe80::200:5efe:7f00:1',
    ':'.repeat(1000),
    5,
    null,
  ])('ARG-13 refuses %j [attack 45]', (value) => {
    expect(problemOf(ipAddress(), value)).toBe(
      typeof value === 'string' ? 'is not an IP address in canonical form' : 'is not a string',
    )
  })
})

describe('email', () => {
  it.each([
    'ann@example.com',
    'ann.b.c@mail.example.com',
    'ann+tag@example.com',
    "o'neil@example.com",
    'a_b-c=d&e~f@example.co',
    'Ann@example.com',
    `${'x'.repeat(64)}@example.com`,
  ])('ARG-16 takes %s', (value) => {
    expect(problemOf(email(), value)).toBeUndefined()
  })

  it.each([
    '',
    'ann',
    '@example.com',
    'ann@',
    'ann@example',
    'ann@Example.com',
    'ann@example.com.',
    'ann@example.com ',
    ' ann@example.com',
    'ann@example.com\nBcc: eve@evil.example',
    'ann@example.com,eve@evil.example',
    'ann@example.com;eve@evil.example',
    'eve@evil.example@example.com',
    'eve%evil.example@example.com',
    'evil.example!eve@example.com',
    '"eve@evil.example"@example.com',
    'ann(comment)@example.com',
    'Ann <ann@example.com>',
    '<ann@example.com>',
    'mailto:ann@example.com',
    '-t@example.com',
    '--exec=id@example.com',
    '.ann@example.com',
    'ann.@example.com',
    'a..b@example.com',
    'ann@[127.0.0.1]',
    'ann@127.0.0.1',
    'ann@xn--exmple-4nf.com',
    'ann@ex\u0430mple.com',
    'ann\u200b@example.com',
    'caf\u00e9@example.com',
    'ann@-example.com',
    `${'x'.repeat(65)}@example.com`,
    `a@${'b.'.repeat(130)}com`,
    5,
    null,
  ])('ARG-16 refuses %j [attack 45]', (value) => {
    expect(problemOf(email(), value)).toBeTypeOf('string')
  })
})
