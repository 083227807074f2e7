import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { email } from '../../../../src/core/capability/argument-types/email.ts'
import { oneLine } from '../../../../src/core/capability/argument-types/one-line.ts'
import { path } from '../../../../src/core/capability/argument-types/path.ts'
import { segment } from '../../../../src/core/capability/argument-types/segment.ts'
import { shellWord } from '../../../../src/core/capability/argument-types/shell-word.ts'
import { url } from '../../../../src/core/capability/argument-types/url.ts'
import { defineCommand } from '../../../../src/core/capability/definition.ts'
import { compilePolicy } from '../../../../src/core/capability/policy/compile.ts'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import { parseSelector, type Selector } from '../../../../src/core/capability/policy/selector.ts'
import { lintPolicy } from '../../../../src/core/capability/policy-analysis/lint.ts'
import type { IpldValue } from '../../../../src/core/ipld/value.ts'

const rules = (...policy: readonly unknown[]) => lintPolicy(parsePolicy(policy)).map(({ rule }) => rule)

describe('lintPolicy', () => {
  it('has no warning for a plain policy', () => {
    expect(
      rules(
        ['<', '.amount', 100],
        ['like', '.to', '*@example.com'],
        ['like', '.path', '/data/*'],
        ['like', '.file', '*.pdf'],
        ['like', '.url', 'https://api.example.com/v1/*'],
        ['like', '.host', '*.example.com'],
        ['like', '.note', '*urgent*'],
        ['==', '.state', 'draft'],
        ['!=', '.to', 'boss@example.com'],
        ['any', '.tags', ['==', '.', 'new']],
      ),
    ).toEqual([])
  })

  it('POL-33 warns of a pattern for an argument that can be any text, with the definition of its command', () => {
    const read = defineCommand({
      command: '/doc/read',
      args: { id: oneLine(), word: shellWord(), one: segment(), file: path(), at: url(), to: email(), z: z.string() },
    })
    const warned = (...policy: readonly unknown[]) =>
      lintPolicy(parsePolicy(policy), read as never)
        .filter(({ rule }) => rule === 'free-text')
        .map(({ statement }) => statement)
    expect(
      warned(
        ['like', '.id', 'public-*'],
        ['like', '.word', 'public-*'],
        ['like', '.z', 'public-*'],
        ['or', [['like', '.id', 'a-*']]],
      ),
    ).toEqual([0, 1, 2, 3])
    expect(
      warned(
        ['like', '.one', 'public-*'],
        ['like', '.file', '/public/*'],
        ['like', '.at', 'https://example.com/*'],
        ['like', '.to', 'a*'],
        ['like', '.id', '*x'],
        ['like', '.id', 'public'],
        ['==', '.id', 'public-*'],
        ['like', '.other', 'a*'],
      ),
    ).toEqual([])
    expect(rules(['like', '.id', 'public-*'])).toEqual([])
  })

  it('warns of an `or` of nothing [attack 49]', () => {
    expect(rules(['or', []])).toEqual(['empty-or'])
    expect(rules(['not', ['or', []]])).toEqual(['empty-or'])
    expect(rules(['all', '.a', ['or', []]])).toEqual(['empty-or'])
  })

  it('warns of a negation over an optional value [attack 48]', () => {
    expect(rules(['!=', '.env?', 'prod'])).toEqual(['negation-over-optional'])
    expect(rules(['not', ['==', '.env?', 'prod']])).toEqual(['negation-over-optional'])
    expect(
      rules([
        'not',
        [
          'and',
          [
            ['==', '.a?', 1],
            ['==', '.b[0]?', 1],
          ],
        ],
      ]),
    ).toEqual(['negation-over-optional', 'negation-over-optional'])
  })

  it('warns of a negation over a value that nothing asks for [attack 48]', () => {
    expect(rules(['!=', '.env', 'prod'])).toEqual(['negation-over-missing'])
    expect(rules(['not', ['like', '.env', 'prod*']])).toEqual(['negation-over-missing'])
    expect(rules(['!=', '.env', 'prod'], ['==', '.env', null])).toContain('negation-over-missing')
    expect(
      rules(
        ['!=', '.env', 'prod'],
        [
          'or',
          [
            ['like', '.env', 'x*'],
            ['<', '.a', 1],
          ],
        ],
      ),
    ).toEqual(['negation-over-missing'])
    expect(rules(['!=', '.env', 'prod'], ['like', '.env', '*'])).toEqual([])
    expect(
      rules([
        'and',
        [
          ['!=', '.env', 'prod'],
          ['like', '.env', '*'],
        ],
      ]),
    ).toEqual([])
    expect(rules(['all', '.a', ['!=', '.b', 1]])).toEqual(['negation-over-missing'])
    expect(
      rules([
        'all',
        '.a',
        [
          'and',
          [
            ['!=', '.b', 1],
            ['>', '.b', 0],
          ],
        ],
      ]),
    ).toEqual([])
  })

  it.each([
    ['.path', '*/data/x'],
    ['.path', '*data'],
    ['.filePath', '*passwd'],
    ['.anything', '*/data/*'],
    ['.url', '*example.com/x'],
    ['.to', '*example.com'],
    ['.reply_to', '*example.com'],
    ['.host', '*example.com'],
    ['.a["mail-to"]', '*example.com'],
  ])('warns that a pattern does not hold where %s begins: %s [attack 45]', (selector, pattern) => {
    expect(rules(['like', selector, pattern])).toEqual(['unanchored-pattern'])
  })

  it.each(['https://*', 'https://*.example.com/*', 'https://example.com*', 'https://example.com:8*', 'https://a*/x'])(
    'warns that a star can match the host in %s [attack 45]',
    (pattern) => {
      expect(rules(['like', '.url', pattern])).toEqual(['open-host'])
    },
  )

  it.each([
    ['.path', '/projects/apollo*'],
    ['.path', '/projects/apollo*/x'],
    ['.path', '/data/*/apollo*'],
    ['.anything', '/projects/apollo*'],
    ['.key', 'reports/2026*'],
    ['.file', 'report*'],
    ['.url', 'https://api.example.com/v1*'],
    ['.anything', 'https://api.example.com/v1*'],
    ['.address', '10.1*'],
    ['.address', '10*'],
    ['.anything', '192.168*'],
    ['.to', 'ann*'],
    ['.to', 'ann@example*'],
    ['.to', '*@example*'],
    ['.host', 'api*'],
    ['.replyTo', 'ann@m\u00fcller*'],
  ])('POL-30 warns that %s may go on after a letter or digit: %s [attack 45]', (selector, pattern) => {
    expect(rules(['like', selector, pattern])).toEqual(['open-name'])
  })

  it.each([
    ['.path', '/projects/apollo/*'],
    ['.path', '/projects/apollo-*'],
    ['.path', '/projects/*/x'],
    ['.path', '/data/*.pdf'],
    ['.address', '10.1.*'],
    ['.url', 'https://api.example.com/v1/*'],
    ['.url', 'https://api.example.com/v1?q=*'],
    ['.to', '*@example.com'],
    ['.to', 'ann@*'],
    ['.note', 'urgent*'],
    ['.note', 'Re: and/or*'],
    ['.version', '2*'],
  ])('POL-30 does not warn about a star after a separator, nor where no place is meant: %s %s', (selector, pattern) => {
    expect(rules(['like', selector, pattern])).toEqual([])
  })

  it('POL-30 warns of the very pattern that lets more pass [attack 45]', () => {
    for (const [pattern, meant, other] of [
      ['/projects/apollo*', '/projects/apollo/x', '/projects/apollo-secret'],
      ['10.1*', '10.1.2.3', '10.123.0.1'],
      ['https://api.example.com/v1*', 'https://api.example.com/v1/x', 'https://api.example.com/v1-internal'],
    ] as const) {
      const policy = compilePolicy(parsePolicy([['like', '.path', pattern]]))
      expect([meant, other].map((path) => policy.evaluate({ path }))).toEqual([undefined, undefined])
    }
  })

  it.each(['.to[].email', '.to[].email?', '.to[]?.email', '.to[0:2].email', '.[].a', '.a[][].b', '.a.b[]["c"].d'])(
    'POL-31 warns of %s, which selects nothing',
    (selector) => {
      expect(rules(['==', selector, 'x'])).toEqual(['never-resolves'])
      expect(rules(['all', '.list', ['any', selector, ['==', '.', 1]]])).toEqual(['never-resolves'])
    },
  )

  it('POL-31 warns of no selector that selects something, and of each that never does', () => {
    const segments = ['.a', '.b', '[]', '[0]', '[-1]', '[0:2]', '[1:]', '["a"]']
    const within = (selectors: readonly string[]) => selectors.flatMap((one) => segments.map((next) => one + next))
    const selectors = [segments, within(segments), within(within(segments))]
      .flat()
      .map((text) => (text.startsWith('.') ? text : `.${text}`))
    /** Arguments from which a selector without a dead end selects. */
    const argsFor = ([first, ...rest]: Selector): IpldValue => {
      if (first === undefined) return 1
      const value = argsFor(rest)
      if (first.kind === 'field') return { [first.name]: value }
      if (first.kind === 'index' || rest.length === 0) return [value, value, value, value]
      return value
    }
    const some = [1, 'x', Uint8Array.of(1, 2), [], {}] as const
    const nested = some.flatMap((a) => [
      { a, b: a },
      [a, a],
      { a: [a], b: { a } },
      [{ a, b: [a] }],
      { a: { a: { a } } },
    ])
    let warned = 0
    for (const selector of selectors) {
      const policy = compilePolicy(parsePolicy([['!=', selector, { a: 'value that nothing has' }]]))
      const selects = (args: IpldValue) => policy.evaluate(args) === undefined
      if (rules(['==', selector, 1]).includes('never-resolves')) {
        warned += 1
        expect([argsFor(parseSelector(selector)), ...some, ...nested].some(selects), selector).toBe(false)
      } else expect(selects(argsFor(parseSelector(selector))), selector).toBe(true)
    }
    expect([selectors.length, warned]).toEqual([584, 153])
  })

  it('warns of two statements about elements that only a collection without any satisfies', () => {
    const [xs, ys] = [
      ['all', '.a', ['like', '.', 'x*']],
      ['all', '.a', ['like', '.', 'y*']],
    ]
    expect(rules(xs, ys)).toEqual(['empty-only'])
    expect(compilePolicy(parsePolicy([xs, ys])).evaluate({ a: [] })).toBeUndefined()
    expect(rules(xs, ['any', '.a', ['like', '.', 'y*']])).toEqual([])
  })

  it('P3 is right when it reports contradictory statements', () => {
    const values = [
      -1,
      0,
      0.5,
      1,
      2,
      3,
      true,
      null,
      '',
      'a',
      'ab',
      'abc',
      'b',
      'bb',
      [],
      [0],
      ['a'],
      ['b', 'a'],
      [1, 'a'],
    ]
    const simple = (selector: string) =>
      fc.oneof(
        fc.tuple(fc.constantFrom('==', '!='), fc.constant(selector), fc.constantFrom(0, 1, 2, 'a', 'ab', null)),
        fc.tuple(fc.constantFrom('<', '<=', '>', '>='), fc.constant(selector), fc.constantFrom(0, 1, 2)),
        fc.tuple(fc.constant('like'), fc.constant(selector), fc.constantFrom('a*', '*b', 'a', 'b*', '*', 'a*b')),
      )
    const statement = fc.oneof(
      ...['.a', '.a?'].map(simple),
      fc.tuple(fc.constant('or'), fc.array(simple('.a'), { minLength: 1, maxLength: 3 })),
      fc.tuple(fc.constant('all'), fc.constant('.a'), simple('.')),
    )
    const seen = { contradiction: 0, 'empty-only': 0 }
    fc.assert(
      fc.property(statement, statement, (one, other) => {
        const found = rules(one, other)
        const policy = compilePolicy(parsePolicy([one, other]))
        const both = [{}, ...values.map((a) => ({ a }))].filter((args) => policy.evaluate(args) === undefined)
        if (found.includes('contradiction')) expect(both).toEqual([])
        if (found.includes('empty-only')) expect(both).toEqual([{ a: [] }])
        for (const rule of ['contradiction', 'empty-only'] as const) if (found.includes(rule)) seen[rule] += 1
      }),
      { numRuns: 1_000 },
    )
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(20)
  })

  it('names one contradiction for each statement, and looks at hundreds of patterns once', () => {
    const patterns = Array.from({ length: 120 }, (_, at) => ['like', '.a', `${at}-${'x*'.repeat(60)}`])
    const split = vi.spyOn(String.prototype, 'charCodeAt')
    const found = rules(...patterns)
    const characters = split.mock.calls.length
    split.mockRestore()
    expect(found).toEqual(Array(119).fill('contradiction'))
    // 15 KB in all; each pair would be 1.7 million.
    expect(characters).toBeLessThan(200_000)
  })

  it('warns of statements that cannot both hold', () => {
    expect(rules(['<', '.a', 1], ['>', '.a', 5])).toEqual(['contradiction'])
    expect(rules(['==', '.a', 1], ['==', '.["a"]', 2])).toEqual(['contradiction'])
    expect(rules(['like', '.a', 'x*'], ['<', '.a', 5])).toEqual(['contradiction'])
    expect(rules(['<', '.a', 5], ['like', '.a', 'x*'])).toEqual(['contradiction'])
    expect(rules(['<=', '.a', 1], ['>=', '.a', 1])).toEqual([])
    expect(rules(['<=', '.a', 1], ['>', '.a', 1])).toEqual(['contradiction'])
    expect(rules(['<', '.a', 1], ['>=', '.a', 1])).toEqual(['contradiction'])
    expect(rules(['like', '.a', 'b*'], ['like', '.a', 'ab*'])).toEqual(['contradiction'])
    expect(rules(['like', '.a', 'a*'], ['like', '.a', 'ab*'])).toEqual([])
    expect(rules(['like', '.a', '*a'], ['like', '.a', '*ab'])).toEqual(['contradiction'])
    expect(rules(['like', '.a', '*b'], ['like', '.a', '*ab'])).toEqual([])
  })

  it('warns of a statement that is there twice', () => {
    expect(rules(['<', '.a', 1], ['==', '.b', 1], ['<', '.a', 1])).toEqual(['duplicate'])
  })

  it('warns of a statement that every call satisfies', () => {
    expect(rules(['and', []])).toEqual(['always-true'])
    expect(
      rules([
        'or',
        [
          ['==', '.a', 1],
          ['and', []],
        ],
      ]),
    ).toEqual(['always-true'])
    expect(rules(['and', [['or', []]]])).toEqual(['empty-or', 'always-true'])
  })

  it('explains the place and the remedy in words', () => {
    expect(
      lintPolicy(
        parsePolicy([
          ['<', '.a', 1],
          ['like', '.url', 'https://*'],
        ]),
      ),
    ).toEqual([
      {
        statement: 1,
        rule: 'open-host',
        message:
          'in the pattern `https://*` the star can match another host; write the whole host, with the slash after it',
      },
    ])
  })
})
