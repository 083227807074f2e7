import { describe, expect, it } from 'vitest'
import { url } from '../../../../src/core/capability/argument-types/url.ts'
import { compilePolicy } from '../../../../src/core/capability/policy/compile.ts'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import { ArgumentError } from '../../../../src/errors.ts'
import { problemOf } from './problem-of.ts'

describe('url', () => {
  it.each([
    'https://example.com/',
    'https://example.com/a/b',
    'https://example.com/a/b/',
    'https://example.com:8443/a',
    'https://example.com/a?b=c&d=%2Fe',
    'https://example.com/caf%C3%A9',
    'https://example.com/a;b=c/d',
    'https://example.com/~user/a.b',
    'https://127.0.0.1/a',
    'https://[2001:db8::1]/a',
    'https://example.com/a%20b',
    'https://example.com/%EF%BC%A1/',
    'https://example.com/%20a/%EF%BC%A1',
    'https://example.com/C%23/what%3F',
    'https://example.com/%D8%A7%E2%80%8C%D8%A8',
    'https://example.com/.well-known/x',
    'https://example.com/..a/b..',
  ])('ARG-12 takes %s', (value) => {
    expect(problemOf(url(), value)).toBeUndefined()
  })

  /**
   * Each pair: a URL within `https://api.example.com/v1/`, and a text that is another spelling of it or gets past it.
   */
  it.each([
    ['a dot segment', 'https://api.example.com/v1/../admin'],
    ['a dot segment of one dot', 'https://api.example.com/v1/./x'],
    ['encoded dots', 'https://api.example.com/v1/%2e%2e/admin'],
    ['encoded dots in upper case', 'https://api.example.com/v1/%2E%2E/admin'],
    ['one encoded dot', 'https://api.example.com/v1/.%2e/admin'],
    ['an encoded dot within a segment', 'https://api.example.com/v1/a%2Eb'],
    ['dots with parameters', 'https://api.example.com/v1/..;/admin'],
    ['dots with parameters last', 'https://api.example.com/v1/..;x=1/a'],
    ['dots with parameters at the end', 'https://api.example.com/v1/..;'],
    ['dots with parameters after an encoded semicolon', 'https://api.example.com/v1/..%3Bx/admin'],
    ['one dot with parameters at the end', 'https://api.example.com/v1/.;'],
    ['dots with a space', 'https://api.example.com/v1/..%20/x'],
    ['dots with a no-break space', 'https://api.example.com/v1/..%C2%A0/x'],
    ['dots with a joiner', 'https://api.example.com/v1/..%E2%80%8D/x'],
    ['dots with a variation selector', 'https://api.example.com/v1/%EF%B8%8F../x'],
    ['dots with a space and parameters', 'https://api.example.com/v1/..%20;/x'],
    ['dots before an encoded question mark', 'https://api.example.com/v1/..%3F/x'],
    ['dots before an encoded number sign', 'https://api.example.com/v1/..%23/x'],
    ['dots with a full-width semicolon', 'https://api.example.com/v1/..%EF%BC%9B/x'],
    ['a segment of a space', 'https://api.example.com/v1/%20/x'],
    ['parameters of no segment', 'https://api.example.com/v1/;x/y'],
    ['dots with a zero-width space', 'https://api.example.com/v1/%E2%80%8B../x'],
    ['an encoded C1 control', 'https://api.example.com/v1/a%C2%85b'],
    ['an encoded change of direction', 'https://api.example.com/v1/%E2%80%AEgpj.exe'],
    ['an encoded byte order mark', 'https://api.example.com/%EF%BB%BFv1'],
    ['a dot of two bytes', 'https://api.example.com/v1/%C0%AE%C0%AE/admin'],
    ['bytes that are not UTF-8', 'https://api.example.com/v1/%FF'],
    ['half a character', 'https://api.example.com/v1/%E2%82/x'],
    ['full-width dots', 'https://api.example.com/v1/%EF%BC%8E%EF%BC%8E/admin'],
    ['a full-width slash', 'https://api.example.com/v1/x%EF%BC%8Fy'],
    ['a full-width percent sign', 'https://api.example.com/v1/%EF%BC%852e'],
    ['more marks than a character can have', `https://api.example.com/a${'%CC%81'.repeat(31)}`],
    ['a leader of two dots', 'https://api.example.com/v1/%E2%80%A5/admin'],
    ['an encoded slash', 'https://api.example.com/v1/..%2Fadmin'],
    ['an encoded slash in lower case', 'https://api.example.com/v1/a%2fb'],
    ['a backslash', 'https://api.example.com/v1\\..\\admin'],
    ['an encoded backslash', 'https://api.example.com/v1/..%5Cadmin'],
    ['a double encoding', 'https://api.example.com/v1/%252e%252e/admin'],
    ['an encoded NUL', 'https://api.example.com/v1/x%00.json'],
    ['an encoded line end', 'https://api.example.com/v1/x%0D%0Ay'],
    ['an empty segment', 'https://api.example.com/v1//x'],
    ['a leading empty segment', 'https://api.example.com//v1/x'],
    ['a user', 'https://api.example.com@evil.example/v1/'],
    ['a user and password', 'https://a:b@api.example.com/v1/'],
    ['an empty user', 'https://@api.example.com/v1/'],
    ['a backslash before a user', 'https://evil.example\\@api.example.com/v1/'],
    ['the default port', 'https://api.example.com:443/v1/x'],
    ['an empty port', 'https://api.example.com:/v1/x'],
    ['a port with zeros', 'https://api.example.com:08443/v1/x'],
    ['an upper-case scheme', 'HTTPS://api.example.com/v1/x'],
    ['an upper-case host', 'https://API.example.com/v1/x'],
    ['another scheme', 'http://api.example.com/v1/x'],
    ['a scheme of scripts', 'javascript:alert(1)'],
    ['no scheme', '//api.example.com/v1/x'],
    ['a relative URL', '/v1/x'],
    ['three slashes', 'https:///api.example.com/v1/x'],
    ['one slash', 'https:/api.example.com/v1/x'],
    ['no slash after the host', 'https://api.example.com'],
    ['a dot after the host', 'https://api.example.com./v1/x'],
    ['a full-width dot in the host', 'https://api\uff0eexample.com/v1/x'],
    ['a Cyrillic letter in the host', 'https://api.ex\u0430mple.com/v1/x'],
    ['Punycode in the host', 'https://api.xn--exmple-4nf.com/v1/x'],
    ['an encoded host', 'https://api%2eexample.com/v1/x'],
    ['an underscore in the host', 'https://api_example.com/v1/x'],
    ['a decimal address', 'https://2130706433/v1/x'],
    ['an octal address', 'https://0177.0.0.1/v1/x'],
    ['a short address', 'https://127.1/v1/x'],
    ['an address of version 4 behind NAT64', 'https://[64:ff9b::7f00:1]/v1/x'],
    ['an address of version 4 in one of version 6', 'https://[::ffff:7f00:1]/v1/x'],
    ['a long address of version 6', 'https://[2001:db8:0:0:0:0:0:1]/v1/x'],
    ['a fragment', 'https://api.example.com/v1/x#y'],
    ['an empty fragment', 'https://api.example.com/v1/x#'],
    ['an empty query', 'https://api.example.com/v1/x?'],
    ['an encoded letter', 'https://api.example.com/v1/%61dmin'],
    ['encoding in lower case', 'https://api.example.com/v1/caf%c3%a9'],
    ['encoding in the query in lower case', 'https://api.example.com/v1/x?a=%2f'],
    ['a lone percent sign', 'https://api.example.com/v1/100%'],
    ['a raw letter beyond ASCII', 'https://api.example.com/v1/caf\u00e9'],
    ['a space', 'https://api.example.com/v1/a b'],
    ['a space around', ' https://api.example.com/v1/x'],
    ['a tab within', 'https://api.exam\tple.com/v1/x'],
    ['a line end within', 'https://api.example.com/v1/\nx'],
    ['a line end at the end', 'https://api.example.com/v1/x\n'],
    ['2,049 characters', `https://api.example.com/${'a'.repeat(2025)}`],
    ['a long host', `https://${'a'.repeat(64)}.com/`],
    ['nothing', ''],
    ['no text', 5],
  ])('ARG-12 refuses %s [attack 45]', (_, value) => {
    expect(problemOf(url(), value)).toBeTypeOf('string')
  })

  it('explains how a URL gets its canonical form', () => {
    const problem = 'is not in canonical form; use `new URL(url).href`'
    expect(problemOf(url(), 'https://API.example.com')).toBe(problem)
    expect(problemOf(url(), new URL('https://API.example.com').href)).toBeUndefined()
  })

  it('ARG-12 takes other schemes where they are listed, and only those with a canonical form', () => {
    const schema = url({ schemes: ['http', 'wss'] })
    expect(problemOf(schema, 'http://example.com/')).toBeUndefined()
    expect(problemOf(schema, 'wss://example.com/')).toBeUndefined()
    expect(problemOf(schema, 'https://example.com/')).toBe('does not have an allowed scheme')
    expect(() => url({ schemes: ['postgres' as never] })).toThrow(ArgumentError)
  })

  it('ARG-12 takes Punycode where it is asked for', () => {
    expect(problemOf(url({ punycode: true }), 'https://xn--bcher-kva.example/')).toBeUndefined()
  })

  it('ARG-28 with `like` holds what is below a place [attack 45]', () => {
    const policy = compilePolicy(parsePolicy([['like', '.url', 'https://api.example.com/v1/*']]))
    const allowed = (text: string) =>
      problemOf(url(), text) === undefined && policy.evaluate({ url: text }) === undefined
    const places = [
      'https://api.example.com/v1/x',
      'https://api.example.com/v1/',
      'https://api.example.com/v1',
      'https://api.example.com/v2/x',
      'https://api.example.com.evil.example/v1/x',
      'https://api.example.com@evil.example/v1/x',
      'https://api.example.com/v1/../admin',
      'https://api.example.com/v1/%2e%2e/admin',
      'https://api.example.com/v1/..;/admin',
      'https://api.example.com/v1/..%2fadmin',
      'https://evil.example/?https://api.example.com/v1/',
    ]
    expect(places.map(allowed)).toEqual([true, true, ...Array(9).fill(false)])
    for (const text of places.filter(allowed)) {
      expect(new URL(text).origin).toBe('https://api.example.com')
      expect(new URL(text).pathname.startsWith('/v1/')).toBe(true)
    }
  })
})
