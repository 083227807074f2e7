import { describe, expect, it } from 'vitest'
import { lintPolicy } from '../../../src/capability/policy/lint.ts'
import { parsePolicy } from '../../../src/capability/policy/parse-policy.ts'

const rules = (...policy: readonly unknown[]) => lintPolicy(parsePolicy(policy)).map(({ rule }) => rule)

describe('lintPolicy', () => {
  it('says nothing about a plain policy', () => {
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
    'warns that a star can stand for the host in %s [attack 45]',
    (pattern) => {
      expect(rules(['like', '.url', pattern])).toEqual(['open-host'])
    },
  )

  it('warns of statements that cannot both hold', () => {
    expect(rules(['<', '.a', 1], ['>', '.a', 5])).toEqual(['contradiction'])
    expect(rules(['==', '.a', 1], ['==', '.["a"]', 2])).toEqual(['contradiction'])
    expect(rules(['like', '.a', 'x*'], ['<', '.a', 5])).toEqual(['contradiction'])
    expect(rules(['<=', '.a', 1], ['>=', '.a', 1])).toEqual([])
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

  it('tells the place and what to do, for people', () => {
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
          'the pattern `"https://*"` lets the star stand for a host; write the host out, with the slash after it',
      },
    ])
  })
})
