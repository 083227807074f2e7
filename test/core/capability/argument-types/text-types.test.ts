import { describe, expect, it } from 'vitest'
import { text } from '../../../../src/core/capability/argument-types/basic.ts'
import { oneLine } from '../../../../src/core/capability/argument-types/one-line.ts'
import { path } from '../../../../src/core/capability/argument-types/path.ts'
import { segment } from '../../../../src/core/capability/argument-types/segment.ts'
import { shellWord } from '../../../../src/core/capability/argument-types/shell-word.ts'
import { costOf } from '../../../support/cost.ts'
import { problemOf } from './problem-of.ts'

describe('text', () => {
  it('ARG-10 takes well-formed text of a length', () => {
    for (const value of ['', 'a\n\u202e\0', '\u{1f600}', 'x'.repeat(65_536)])
      expect(problemOf(text(), value)).toBeUndefined()
    expect(problemOf(text(), 'x'.repeat(65_537))).toBe('has more than 65536 characters')
    expect(problemOf(text({ minLength: 1 }), '')).toBe('has fewer than 1 characters')
    expect(problemOf(text({ maxLength: 2 }), 'abc')).toBe('has more than 2 characters')
    expect(problemOf(text(), '\ud800')).toBe('is not well-formed Unicode')
    for (const value of [1, null, undefined, ['x'], new String('x')])
      expect(problemOf(text(), value)).toBe('is not a string')
  })
})

describe('path', () => {
  it.each([
    '/',
    '/data',
    '/data/report.pdf',
    '/a/b/c',
    '/...a',
    '/.hidden',
    '/a..b',
    '/data/caf\u00e9',
    '/データ/ファイル',
    '/a b/c',
    '/~user/x',
    "/it's",
    '/a;b',
    '/..a;b/c;',
    '/\u{1f600}',
  ])('ARG-11 takes %s', (value) => {
    expect(problemOf(path(), value)).toBeUndefined()
  })

  it.each([
    ['a relative path', 'data/x'],
    ['nothing', ''],
    ['a slash at the end', '/data/'],
    ['two slashes', '/data//x'],
    ['two slashes first', '//data'],
    ['a dot segment', '/data/./x'],
    ['a dot segment last', '/data/.'],
    ['a parent segment', '/data/../etc/passwd'],
    ['a parent segment first', '/../etc'],
    ['a parent segment last', '/data/..'],
    ['three dots', '/data/.../x'],
    ['a parent segment with a space', '/data/.. /x'],
    ['a parent segment with another space', '/data/..\u1680/x'],
    ['a segment of spaces', '/data/ /x'],
    ['a parent segment with a joiner', '/data/..\u200d/x'],
    ['a parent segment with a non-joiner within', '/data/.\u200c.'],
    ['a parent segment with a variation selector', '/data/..\ufe0f/x'],
    ['a parent segment with an accent and parameters', '/data/..\u0301;/x'],
    ['a parent segment with parameters', '/data/..;/x'],
    ['a parent segment with parameters last', '/data/..;x=1'],
    ['a dot segment with parameters', '/data/.;/x'],
    ['a parent segment with a space and parameters', '/data/.. ;/x'],
    ['parameters of no segment', '/data/;x/y'],
    ['a parent segment before a question mark', '/data/..?'],
    ['a parent segment before a number sign', '/data/..#'],
    ['a question mark', '/data/secret?/public'],
    ['a number sign', '/data/secret#/public'],
    ['a full-width question mark', '/data/secret\uff1f/public'],
    ['a small number sign', '/data/secret\ufe5f/public'],
    ['a parent segment with a full-width semicolon', '/data/..\uff1b/x'],
    ['a backslash', '/data\\..\\x'],
    ['an encoded dot', '/data/%2e%2e/x'],
    ['an encoded slash', '/data%2f..%2fx'],
    ['an encoding of an encoding', '/data/%252e%252e/x'],
    ['an overlong encoding', '/data/%c0%ae%c0%ae/x'],
    ['a percent sign', '/100%'],
    ['NUL', '/data/x\0.txt'],
    ['a line end', '/data/x\ny'],
    ['DEL', '/data/\u007f'],
    ['a C1 control', '/data/\u0085'],
    ['a change of direction', '/data/\u202etxt.exe'],
    ['a zero-width space', '/data/.\u200b./x'],
    ['a byte order mark', '/\ufeffdata'],
    ['a tag character', '/data/\u{e0041}'],
    ['a lone surrogate', '/data/\udc00'],
    ['a decomposed letter', '/cafe\u0301'],
    ['full-width dots', '/data/\uff0e\uff0e/x'],
    ['a two-dot leader', '/data/\u2025/x'],
    ['a one-dot leader twice', '/data/\u2024\u2024/x'],
    ['a full-width slash', '/data\uff0fx'],
    ['a full-width backslash', '/data\uff3cx'],
    ['a full-width percent sign', '/data/\uff052e'],
    ['a Windows path', 'C:\\data'],
    ['a URL', 'file:///data'],
    ['4,097 characters', `/${'a'.repeat(4096)}`],
    ['more marks than a character can have', `/a${'\u0316'.repeat(31)}`],
  ])('ARG-11 refuses %s [attack 45]', (_, value) => {
    expect(problemOf(path(), value)).toBeTypeOf('string')
  })

  it('ARG-11 takes text alone', () => {
    for (const value of [1, null, ['/data'], { toString: () => '/data' }])
      expect(problemOf(path(), value)).toBe('is not a string')
  })
})

describe('oneLine', () => {
  it.each(['', 'Meeting on Tuesday', 'caf\u00e9', '\u{1f469}\u200d\u{1f4bb}', 'ا\u200cب', 'a\u00a0b'])(
    'ARG-15 takes %j',
    (value) => {
      expect(problemOf(oneLine(), value)).toBeUndefined()
    },
  )

  it.each([
    ['a line feed', 'a\nBcc: x'],
    ['a carriage return', 'a\rb'],
    ['a vertical tab', 'a\vb'],
    ['a tab', 'a\tb'],
    ['a next line', 'a\u0085b'],
    ['a line separator', 'a\u2028b'],
    ['a paragraph separator', 'a\u2029b'],
    ['an escape sequence', '\u001b[31mred'],
    ['NUL', 'a\0'],
    ['a right-to-left override', 'a\u202eb'],
    ['a right-to-left isolate', 'a\u2067b'],
    ['a right-to-left mark', 'a\u200fb'],
    ['an Arabic letter mark', 'a\u061cb'],
    ['a zero-width space', 'a\u200bb'],
    ['a word joiner', 'a\u2060b'],
    ['a soft hyphen', 'a\u00adb'],
    ['tag characters', 'a\u{e0041}\u{e0042}'],
    ['a lone surrogate', 'a\ud800'],
    ['a decomposed letter', 'cafe\u0301'],
    ['1,025 characters', 'x'.repeat(1025)],
    ['a number', 5],
    ['more marks than a character can have', `a${'\u0316'.repeat(31)}`],
  ])('ARG-15 refuses %s [attack 80]', (_, value) => {
    expect(problemOf(oneLine(), value)).toBeTypeOf('string')
  })

  it('ARG-15 takes no character that is ignored when it is shown, but joiners and variation selectors [attack 80]', () => {
    const taken: number[] = []
    for (let code = 0; code <= 0x10ffff; code++) {
      if (code >= 0xd800 && code < 0xe000) continue
      const character = String.fromCodePoint(code)
      if (!/\p{Default_Ignorable_Code_Point}/u.test(character)) continue
      if (problemOf(oneLine(), `a${character}b`) === undefined) taken.push(code)
      expect(problemOf(path(), `/a${character}b`) === undefined, code.toString(16)).toBe(taken.at(-1) === code)
    }
    const variations = [0x180b, 0x180c, 0x180d, 0x180f, ...Array.from({ length: 16 }, (_, at) => 0xfe00 + at)]
    expect(taken).toEqual([...variations.slice(0, 4), 0x200c, 0x200d, ...variations.slice(4)])
  })

  it('ARG-15 takes as many marks as a language needs', () => {
    expect(problemOf(oneLine(), `a${'\u0316'.repeat(30)}`)).toBeUndefined()
  })
})

describe('segment', () => {
  it.each(['a', '42', 'public-7', 'a.b', '.env', '..a', 'A_b~c', 'x'.repeat(256)])('ARG-27 takes %s', (value) => {
    expect(problemOf(segment(), value)).toBeUndefined()
    expect(new URL(`https://api.example.com/docs/${value}`).pathname).toBe(`/docs/${value}`)
  })

  it.each([
    ...['', '.', '..', '...', 'public-/../secret', 'public-7?all=1', 'a#b', 'a/b', 'a\\b', 'a%2fb', '%2e%2e', 'a b'],
    ...['a;b', 'a\n', 'a\u2024', 'caf\u00e9', '\uff0e\uff0e', 'x'.repeat(257), 5],
  ])('ARG-27 refuses %j [attack 45]', (value) => {
    expect(problemOf(segment(), value)).toBeTypeOf('string')
  })
})

describe('shellWord', () => {
  it.each(['a', 'main', 'feature/x-1', 'user@host:path', 'a=b', '1.2.3', '+x', '100%', '_'])(
    'ARG-17 takes %s',
    (value) => {
      expect(problemOf(shellWord(), value)).toBeUndefined()
    },
  )

  it.each([
    '',
    '-rf',
    '--help',
    'a b',
    'a;b',
    'a|b',
    'a&b',
    '$x',
    '`x`',
    'a>b',
    'a<b',
    '(a)',
    '{a}',
    'a*',
    'a?',
    '[a]',
    '~',
    '!x',
    '#x',
    'a\\b',
    "a'b",
    'a"b',
    'a\nb',
    'a\n',
    'caf\u00e9',
    'x'.repeat(1025),
    5,
  ])('ARG-17 refuses %j', (value) => {
    expect(problemOf(shellWord(), value)).toBeTypeOf('string')
  })
})

describe('hostile input', () => {
  it.each([
    ['path', path({ maxLength: 1_000_000 }), `/${'.'.repeat(500_000)}x`],
    ['path of segments', path({ maxLength: 1_000_000 }), '/a'.repeat(500_000)],
    ['one line', oneLine({ maxLength: 1_000_000 }), `${' '.repeat(500_000)}\n`],
    ['shell word', shellWord({ maxLength: 1_000_000 }), `${'a'.repeat(500_000)} `],
  ])('takes linear time in a %s [attack 93]', (_, schema, value) => {
    expect(costOf(() => problemOf(schema, value))).toBeLessThan(200)
  })
})
