import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printSelector } from '../../../../src/core/capability/policy/print-selector.ts'
import { checkSelector, parseSelector, type SelectorSegment } from '../../../../src/core/capability/policy/selector.ts'
import { shortRuns } from '../../../property/runs.ts'
import { anyText } from '../../../support/any-text.ts'
import { refusalOf } from '../../../support/refusal.ts'

const refusal = (text: string) => refusalOf(() => parseSelector(text))

const field = (name: string, optional = false) => ({ kind: 'field', name, optional }) as const
const index = (at: number, optional = false) => ({ kind: 'index', index: at, optional }) as const

describe('parseSelector', () => {
  it.each<[string, readonly SelectorSegment[]]>([
    ['.foo', [field('foo')]],
    ['.bar0_', [field('bar0_')]],
    ['._', [field('_')]],
    ['.A', [field('A')]],
    ['.a.b.c', [field('a'), field('b'), field('c')]],
    ['.foo?', [field('foo', true)]],
    ['.foo???', [field('foo', true)]],
    ['.a?.b', [field('a', true), field('b')]],
    ['[0]', [index(0)]],
    ['.[0]', [index(0)]],
    ['.a[42]', [field('a'), index(42)]],
    ['.a.[42]', [field('a'), index(42)]],
    ['.a[-1]?', [field('a'), index(-1, true)]],
    ['.a[0][1]', [field('a'), index(0), index(1)]],
    ['.[7:11]', [{ kind: 'slice', start: 7, end: 11, optional: false }]],
    ['.[2:]', [{ kind: 'slice', start: 2, optional: false }]],
    ['.[:42]?', [{ kind: 'slice', end: 42, optional: true }]],
    ['.[0:-2]', [{ kind: 'slice', start: 0, end: -2, optional: false }]],
    ['[]', [{ kind: 'values', optional: false }]],
    ['.a[]?.b', [field('a'), { kind: 'values', optional: true }, field('b')]],
    ['.__proto__', [field('__proto__')]],
    ['.[9007199254740991]', [index(Number.MAX_SAFE_INTEGER)]],
  ])('reads %s', (text, segments) => {
    expect(parseSelector(text)).toEqual(segments)
    expect(Object.isFrozen(parseSelector(text))).toBe(true)
  })

  it.each([
    '',
    '?',
    'foo',
    '..',
    '...',
    '..foo',
    '.foo.',
    '.foo..bar',
    '. foo',
    ' .foo',
    '.foo ',
    '.foo\n',
    '.user-id',
    '.0',
    '.é',
    '.foo!',
    '.?foo',
    '.?.foo',
    '.foo?bar',
    '.foo]',
    '.[0',
    '.[0]]',
    '.[0 ]',
    '.["a"',
    '.["a"b]',
    '.[1:2:3]',
    '.[1:b]',
    '$.foo',
    '/foo',
    '.foo|.bar',
    '.foo,.bar',
    '.foo[0]bar',
  ])('SEL-01 refuses %j, of which something would be left over [attack 47]', async (text) => {
    expect(await refusal(text)).toBe('SEL-01')
  })

  it.each(['.', '.?', '.???'])('SEL-02 %s is the identity', (text) => {
    expect(parseSelector(text)).toEqual([])
  })

  it.each([
    ['.["a"]', 'a'],
    ['["a"]', 'a'],
    ['.["$_*"]', '$_*'],
    ['.["."]', '.'],
    ['.["1"]', '1'],
    ['.[""]', ''],
    ['.["a]b"]', 'a]b'],
    ['.["a\\"b"]', 'a"b'],
    ['.["a\\\\"]', 'a\\'],
    ['.["\\u00e9\\n\\/"]', 'é\n/'],
    ['.["\\ud83d\\ude00"]', '\u{1f600}'],
    ['.["\u{1f600}"]', '\u{1f600}'],
    ['.["?"]', '?'],
  ])('SEL-03 reads the key of %s', (text, name) => {
    expect(parseSelector(text)).toEqual([field(name)])
  })

  it.each([
    '.["a]',
    '.["a\\"]',
    '.["\\x61"]',
    '.["\\u00e"]',
    '.["\n"]',
    '.["\t"]',
    '.["\0"]',
    '.["\\ud800"]',
    '.["\ud800"]',
    '.["\\udc00\\ud800"]',
  ])('SEL-03 refuses the key of %j [attack 47]', async (text) => {
    expect(await refusal(text)).toBe('SEL-03')
  })

  it.each([
    '.[',
    '.[01]',
    '.[-0]',
    '.[-]',
    '.[-01]',
    '.[00]',
    '.[+1]',
    '.[ 1]',
    '.[a]',
    '.[*]',
    "['a']",
    '.[9007199254740992]',
    '.[-9007199254740992:]',
    '.[:01]',
  ])('SEL-04 refuses the text in place of an integer in %s [attack 47]', async (text) => {
    expect(await refusal(text)).toBe('SEL-04')
  })

  it('SEL-05 refuses a slice without a bound', async () => {
    expect(await refusal('.[:]')).toBe('SEL-05')
    expect(await refusal('.a[:]?')).toBe('SEL-05')
  })

  it('SEL-06 takes 1,024 code units and 64 segments, and no more [attack 50]', async () => {
    expect(await refusal(`.${'a'.repeat(1023)}`)).toBe('accepted')
    expect(await refusal(`.${'a'.repeat(1024)}`)).toBe('SEL-06 too_large')
    expect(await refusal('.a'.repeat(64))).toBe('accepted')
    expect(await refusal('.a'.repeat(65))).toBe('SEL-06 too_large')
    expect(await refusal('?'.repeat(10_000_000))).toBe('SEL-06 too_large')
  })

  it('is checked while it is read, without building a result', () => {
    const parts = [
      '.',
      'a',
      'B1',
      '_',
      '[',
      ']',
      '0',
      '-1',
      '-0',
      '01',
      ':',
      '"',
      '\\',
      '\\ud800',
      '?',
      'x"]',
      '["k"]',
      ' ',
    ]
    const errorOf = (read: () => unknown): unknown => {
      try {
        read()
        return undefined
      } catch (error) {
        return error
      }
    }
    let read = 0
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 12 }), fc.constantFrom('', '.'), (some, start) => {
        const text = start + some.join('')
        const error = errorOf(() => parseSelector(text))
        if (error === undefined) read += 1
        expect(errorOf(() => checkSelector(text))).toEqual(error)
      }),
      { numRuns: 3_000 },
    )
    expect(read).toBeGreaterThan(100)
    for (const text of ['.a'.repeat(64), '.a'.repeat(65), `.${'a'.repeat(1_024)}`, 5]) {
      const error = errorOf(() => parseSelector(text as string))
      expect(errorOf(() => checkSelector(text as string))).toEqual(error)
    }
  })

  it('SEL-01 refuses or reads the whole of any text, and nothing in between [attack 47, 93]', () => {
    const text = fc.oneof(
      fc.string({
        unit: fc.constantFrom('.', '[', ']', '"', '?', ':', '-', '0', '1', 'a', '_', '\\', ' '),
        maxLength: 12,
      }),
      anyText({ maxLength: 12 }),
    )
    fc.assert(
      fc.property(text, (input) => {
        let segments: readonly SelectorSegment[]
        try {
          segments = parseSelector(input)
        } catch (error) {
          expect(error).toHaveProperty('code', 'ERR_MALFORMED')
          return
        }
        expect(parseSelector(printSelector(segments))).toEqual(segments)
      }),
      shortRuns(3000),
    )
  })
})

describe('printSelector', () => {
  it.each([
    ['.', '.'],
    ['.???', '.'],
    ['["foo"]', '.foo'],
    ['.["user-id"]', '.["user-id"]'],
    ['.a.["b c"].[0]', '.a["b c"][0]'],
    ['[0]??', '.[0]?'],
    ['[].a[1:]', '.[].a[1:]'],
    ['.[:-1]', '.[:-1]'],
  ])('prints %s as %s', (text, printed) => {
    expect(printSelector(parseSelector(text))).toBe(printed)
  })

  it('is parsed into the printed selector', () => {
    const optional = fc.boolean()
    const integer = fc.maxSafeInteger().map((value) => (value === 0 ? 0 : value))
    const key = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', 'toString', '', '"', '\\', ']'))
    const segment = fc.oneof(
      fc.record({ kind: fc.constant('field' as const), name: key, optional }),
      fc.record({ kind: fc.constant('index' as const), index: integer, optional }),
      fc.record({ kind: fc.constant('slice' as const), start: integer, optional }),
      fc.record({ kind: fc.constant('slice' as const), end: integer, optional }),
      fc.record({ kind: fc.constant('slice' as const), start: integer, end: integer, optional }),
      fc.record({ kind: fc.constant('values' as const), optional }),
    )
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 8 }), (segments) => {
        const text = printSelector(segments)
        fc.pre(text.length <= 1024)
        expect(parseSelector(text)).toEqual(segments)
      }),
      shortRuns(1000),
    )
  })
})
