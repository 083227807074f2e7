import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { evaluatePolicy, globMatches, parseSelector, resolveSelector, unresolved, type Verdict } from './policy.ts'

const fixtures = new URL('../fixtures/ucan/', import.meta.url)

interface PolicyCases {
  readonly valid: readonly { readonly args: unknown; readonly policies: readonly unknown[] }[]
  readonly invalid: readonly { readonly args: unknown; readonly policies: readonly unknown[] }[]
}

describe('reference policy evaluator', () => {
  for (const file of [
    'ucan-wg_spec/1.0.0/policy.pr200-fixed.json',
    'ucan-wg_rs-ucan/ucan/tests/fixtures/policy.json',
  ]) {
    it(`agrees with ${file}`, () => {
      const cases = JSON.parse(readFileSync(new URL(file, fixtures), 'utf8')) as PolicyCases
      for (const { args, policies } of cases.valid) {
        for (const policy of policies) expect(evaluatePolicy(policy, args), JSON.stringify(policy)).toBe(true)
      }
      for (const { args, policies } of cases.invalid) {
        for (const policy of policies) expect(evaluatePolicy(policy, args), JSON.stringify(policy)).not.toBe(true)
      }
    })
  }

  it('agrees with the published truth table', () => {
    const table: readonly (readonly [unknown, unknown, Verdict | 'malformed'])[] = [
      [[], {}, true],
      [[['or', []]], {}, true],
      [[['not', ['or', []]]], {}, false],
      [[['and', []]], {}, true],
      [[['any', '.a', ['==', '.', 1]]], { a: [] }, false],
      [[['all', '.a', ['==', '.', 1]]], { a: [] }, true],
      [[['any', '.a', ['==', '.', 1]]], { a: 'text' }, false],
      [[['not', ['any', '.a', ['==', '.', 1]]]], { a: 'text' }, true],
      [[['all', '.a', ['>=', '.', 0]]], { a: new Uint8Array([1]) }, false],
      [[['==', '.a', null]], {}, 'unresolved'],
      [[['==', '.a?', null]], {}, true],
      [[['!=', '.a', 2]], {}, 'unresolved'],
      [[['not', ['==', '.a', 2]]], {}, 'unresolved'],
      [[['!=', '.a?', 2]], {}, true],
      [
        [
          [
            'or',
            [
              ['==', '.a', 1],
              ['==', '.b', 1],
            ],
          ],
        ],
        { b: 1 },
        true,
      ],
      [
        [
          [
            'and',
            [
              ['==', '.a', 1],
              ['==', '.b', 2],
            ],
          ],
        ],
        { b: 1 },
        false,
      ],
      [[['==', '.a', 1]], { a: 1.0 }, true],
      [[['==', '.a', 0]], { a: -0 }, true],
      [[['<', '.a', 'x']], { a: 'a' }, 'malformed'],
      [[['<', '.a', 3]], { a: '1' }, false],
      [[['not', ['<', '.a', 3]]], { a: '1' }, true],
      [[['like', '.a', '*']], { a: 1 }, false],
      [[['==', '.toString', 1]], {}, 'unresolved'],
      [[['==', '.a', 1, 2]], { a: 1 }, 'malformed'],
      [[['matches', '.a', 1]], { a: 1 }, 'malformed'],
      [[['==', '.a b', 1]], { a: 1 }, 'malformed'],
      [['==', '.a', 1], { a: 1 }, 'malformed'],
      [[['==', '.m[]', [2, 1]]], { m: { bb: 1, z: 2 } }, true],
    ]
    for (const [policy, args, verdict] of table) {
      expect(evaluatePolicy(policy, args), JSON.stringify(policy)).toBe(verdict)
    }
  })

  it('parses only complete selectors', () => {
    for (const good of [
      '.',
      '.?',
      '.???',
      '.a',
      '.a.b_0',
      '["x"]',
      '.["x"]',
      '.a["\\u0041"]?',
      '[]',
      '.[]',
      '[-1]',
      '.a[1:]',
      '[:2]?',
      '.a.[0]',
    ]) {
      expect(parseSelector(good), good).toBeDefined()
    }
    for (const bad of [
      '',
      'a',
      '..',
      '.a.',
      '.a..b',
      ' .a',
      '.a ',
      '.0',
      '.user-id',
      '[-0]',
      '[01]',
      '[:]',
      '[1:2:3]',
      '[ 1]',
      "['a']",
      '["a]',
      '["\\ud800"]',
      '["a"',
      '.a?b',
      '[1',
      '?',
      '.?.a',
      '[9007199254740992]',
      '["a\n"]',
      '.a\n',
    ]) {
      expect(parseSelector(bad), bad).toBeUndefined()
    }
  })

  it('resolves from left to right', () => {
    const value = {
      from: 'alice',
      to: ['bob', 'carol', 'dan'],
      raw: new Uint8Array([214, 169, 193, 140]),
      map: { bb: 1, a: 2 },
    }
    const table: readonly (readonly [string, unknown])[] = [
      ['.', value],
      ['.to[1]', 'carol'],
      ['.to[-1]', 'dan'],
      ['.to[99]?', null],
      ['.to[99]', unresolved],
      ['.to[-4]', unresolved],
      ['.to[1:]', ['carol', 'dan']],
      ['.to[0:-2]', ['bob']],
      ['.to[2:1]', []],
      ['.to[:99]', ['bob', 'carol', 'dan']],
      ['.raw[3]', 140],
      ['.raw[1:3]', new Uint8Array([169, 193])],
      ['.map[]', [2, 1]],
      ['.from[]', unresolved],
      ['.from[0]', unresolved],
      ['.nope?.deeper', unresolved],
      ['.nope?.deeper?', null],
      ['.nope.deeper?', unresolved],
    ]
    for (const [selector, expected] of table) {
      expect(resolveSelector(parseSelector(selector) ?? [], value), selector).toEqual(expected)
    }
  })

  it('matches globs over whole strings', () => {
    const table: readonly (readonly [string, string, boolean])[] = [
      ['', '', true],
      ['', 'a', false],
      ['*', '', true],
      ['*', 'a\nb', true],
      ['a*b', 'ab', true],
      ['a*b', 'a\nb', true],
      ['a*b*c', 'abcbc', true],
      ['a*b', 'abc', false],
      ['\\*', '*', true],
      ['\\*', 'x', false],
      ['\\\\*', '\\*', true],
      ['\\\\*', '\\x', false],
      ['\\a', '\\a', true],
      ['\\', '\\', true],
      ['A', 'a', false],
      ['\ud83d*', '\ud83d\ude00', true],
    ]
    for (const [pattern, text, expected] of table) expect(globMatches(pattern, text), pattern).toBe(expected)
  })
})
