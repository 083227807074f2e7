import { describe, expect, it } from 'vitest'
import { anyCommand, commandCovers, isCommand, parseCommand } from '../../../src/core/capability/command.ts'
import { MalformedError } from '../../../src/errors.ts'
import { refusalOf } from '../../support/refusal.ts'

describe('parseCommand', () => {
  it.each(['/', '/a', '/mail/send', '/crud/read-only_2', '/0/1/2', `/${'a'.repeat(255)}`, '/a'.repeat(16)])(
    'takes %s',
    (text) => {
      expect(parseCommand(text)).toBe(text)
      expect(isCommand(text)).toBe(true)
    },
  )

  it.each(['', 'mail', 'mail/send', '//', '/mail/', '/mail//send', '//mail', ' /mail'])(
    'CMD-01 refuses %j, which is not slashes each followed by a segment [attack 44]',
    async (text) => {
      expect(await refusalOf(() => parseCommand(text))).toBe('CMD-01')
      expect(isCommand(text)).toBe(false)
    },
  )

  it.each([
    ['upper case', '/Mail'],
    ['a dot', '/mail.send'],
    ['a dot segment', '/mail/./send'],
    ['a parent segment', '/mail/../send'],
    ['an encoded slash', '/mail%2fsend'],
    ['an encoded letter', '/m%61il'],
    ['a backslash', '/mail\\send'],
    ['a space', '/mail /send'],
    ['a trailing space', '/mail '],
    ['a tab', '/mail\t'],
    ['a line end', '/mail\n'],
    ['NUL', '/mail\0'],
    ['DEL', '/mail\u007f'],
    ['a no-break space', '/mail\u00a0'],
    ['a zero-width space', '/ma\u200bil'],
    ['a change of direction', '/\u202eliam'],
    ['a byte order mark', '/\ufeffmail'],
    ['a star', '/mail/*'],
    ['a question mark', '/mail?x'],
    ['a fragment', '/mail#x'],
    ['a semicolon', '/mail;x'],
    ['a composed letter', '/caf\u00e9'],
    ['a decomposed letter', '/cafe\u0301'],
    ['a Cyrillic letter', '/m\u0430il'],
    ['a capital dotted I', '/\u0130mport'],
    ['a dotless i', '/\u0131mport'],
    ['a full-width letter', '/\uff4dail'],
    ['the Kelvin sign', '/\u212a'],
    ['a full-width slash', '/mail\uff0fsend'],
    ['another script', '/ほげ'],
    ['an emoji', '/\u{1f600}'],
    ['a line separator', '/mail\u2028'],
    ['a change of direction', '/mail\u202e'],
    ['a lone surrogate', '/\ud800'],
  ])('CMD-02 refuses %s [attack 44]', async (_, text) => {
    expect(await refusalOf(() => parseCommand(text))).toBe('CMD-02')
  })

  it.each([`/${'a'.repeat(256)}`, '/a'.repeat(17), '/a'.repeat(100_000)])(
    'CMD-04 refuses what is too long',
    async (text) => {
      expect(await refusalOf(() => parseCommand(text))).toBe('CMD-04 too_large')
    },
  )

  it('names the fault without repeating a long input', () => {
    expect(() => parseCommand('x'.repeat(200))).toThrow(MalformedError)
    expect(() => parseCommand('x'.repeat(200))).toThrow(/^command `x{64}…` does not begin with a slash$/)
  })

  it('does not take what is not text', async () => {
    expect(await refusalOf(() => parseCommand(5 as unknown as string))).toBe('CMD-01')
    expect(isCommand(null)).toBe(false)
  })
})

describe('commandCovers', () => {
  const covers = (proof: string, command: string) => commandCovers(parseCommand(proof), parseCommand(command))

  it.each([
    ['/crypto', '/crypto'],
    ['/crypto', '/crypto/sign'],
    ['/crypto', '/crypto/sign/ed25519'],
    ['/a', '/a/a'],
  ])('CMD-05 %s covers %s', (proof, command) => {
    expect(covers(proof, command)).toBe(true)
  })

  it.each([
    ['/crypto', '/cryptocurrency'],
    ['/crypto', '/crypto-sign'],
    ['/crypto', '/crypto_sign'],
    ['/crypto', '/crypto0'],
    ['/crypto', '/crypt'],
    ['/crypto', '/stack/pop'],
    ['/crypto', '/stack/crypto'],
    ['/crypto', '/'],
    ['/crypto/sign', '/crypto'],
    ['/crypto/sign', '/crypto/signature'],
    ['/crypto/sign', '/crypto/sig'],
    ['/crypto/sign', '/crypto/verify/sign'],
    ['/crypto/sign', '/crypto-sign'],
    ['/crud', '/crudx/admin'],
    ['/a/b', '/ab'],
    ['/a/b', '/a-b'],
    ['/a/b', '/b/a'],
    ['/a/b/c', '/a/b'],
    ['/a', '/aa'],
    ['/a/a', '/a/aa'],
  ])('CMD-05 %s does not cover %s [attack 5]', (proof, command) => {
    expect(covers(proof, command)).toBe(false)
  })

  it('CMD-06 "/" covers everything', () => {
    for (const command of ['/', '/a', '/a/b', '/ucan/revoke']) expect(covers('/', command)).toBe(true)
    expect(anyCommand).toBe('/')
  })
})
