import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shortRuns } from '../../../../../test/property/runs.ts'
import { readPolicyTexts } from '../../../src/cli/tokens/policy-text.ts'
import { UsageError } from '../../../src/cli/usage-error.ts'

describe('policies on the command line', () => {
  it('CLI-05 are read as statements', () => {
    const cases: [string, unknown][] = [
      ['.to like *@example.com', ['like', '.to', '*@example.com']],
      ['.to like "* (a)"', ['like', '.to', '* (a)']],
      ['.n like 5*', ['like', '.n', '5*']],
      ['.n like 5', ['like', '.n', '5']],
      ['.cents <= 5000', ['<=', '.cents', 5000]],
      ['.cents<=5000', ['<=', '.cents', 5000]],
      ['.x >= -1.5', ['>=', '.x', -1.5]],
      ['.to == ann@example.com', ['==', '.to', 'ann@example.com']],
      ['.to == "5"', ['==', '.to', '5']],
      ['.to == 5', ['==', '.to', 5]],
      ['.draft != true', ['!=', '.draft', true]],
      ['.a == null', ['==', '.a', null]],
      ['.["a b"][0] == "\\u00e9 (x)"', ['==', '.["a b"][0]', 'é (x)']],
      ['.a? == 1', ['==', '.a?', 1]],
      ['not .a == 1', ['not', ['==', '.a', 1]]],
      [
        '.a == 1 and .b == 2',
        [
          'and',
          [
            ['==', '.a', 1],
            ['==', '.b', 2],
          ],
        ],
      ],
      [
        '.a == 1 or .b == 2 and .c == 3',
        [
          'or',
          [
            ['==', '.a', 1],
            [
              'and',
              [
                ['==', '.b', 2],
                ['==', '.c', 3],
              ],
            ],
          ],
        ],
      ],
      [
        '(.a == 1 or .b == 2) and .c == 3',
        [
          'and',
          [
            [
              'or',
              [
                ['==', '.a', 1],
                ['==', '.b', 2],
              ],
            ],
            ['==', '.c', 3],
          ],
        ],
      ],
      ['every .to (. like *@example.com)', ['all', '.to', ['like', '.', '*@example.com']]],
      [
        'some .to (.name == a and . != b)',
        [
          'any',
          '.to',
          [
            'and',
            [
              ['==', '.name', 'a'],
              ['!=', '.', 'b'],
            ],
          ],
        ],
      ],
      ['max-uses 10', ['limit/uses', 10]],
      ['max-uses 10 at did:web:mail.example', ['limit/uses', 10, 'did:web:mail.example']],
      ['max-concurrent 2', ['limit/concurrent', 2]],
      ['max-rate 10 60', ['limit/rate', 10, 60]],
      ['max-sum .amount 250.10', ['limit/sum', '.amount', '250.10']],
    ]
    for (const [text, statement] of cases) expect(readPolicyTexts([text]), text).toEqual([statement])
    expect(readPolicyTexts(['.a == 1', '.b == 2'])).toHaveLength(2)
  })

  it('CLI-05 are refused when they are not, with the place', () => {
    const wrong: [string, RegExp][] = [
      ['', /expected a selector such as `\.to` at character 1/],
      ['to like x', /expected a selector such as `\.to` at character 1/],
      ['.to', /expected like, ==, .* at character 4/],
      ['.to in (a, b)', /expected like, ==, .*`or` between several values\) at character 5/],
      ['[["==", ".to", "x"]]', /statements in JSON go into a file, which --policy-file names$/],
      [' [', /statements in JSON go into a file/],
      ['.to like', /expected a pattern such as/],
      ['.to = x', /character 5 is not expected; write == to compare/],
      ['.to == x y', /expected the end, `and` or `or` at character 10/],
      ['.to == and', /expected a value/],
      ['.to == (x)', /expected a value/],
      ['(.a == 1', /expected `\)` at character 9/],
      ['.a == 1)', /expected the end/],
      ['.a == "x', /character 7 is not expected; quote strings with "/],
      ['every .to . == 1', /expected `\(`/],
      ['max-uses many', /expected a number/],
      ['max-uses 1.5', /limit/],
      ['max-uses 1 at', /expected the DID of a service/],
      ['max-uses 1 at 5', /expected the DID of a service/],
      ['max-uses 1 at mail.example', /--policy: /],
      ['max-rate 1 60 at did:web:a', /expected the end, `and` or `or`/],
      ['not max-uses 1', /--policy: /],
      ['.a < x', /--policy: /],
      ['.a[ == 1', /expected like/],
      [`${'('.repeat(40)}.a == 1${')'.repeat(40)}`, /more than 16 levels/],
      [`${'not '.repeat(40)}.a == 1`, /more than 16 levels/],
      [`.a == ${'x'.repeat(5000)}`, /more than 4096 characters/],
    ]
    for (const [text, message] of wrong) expect(() => readPolicyTexts([text]), text).toThrow(message)
  })

  it('CLI-05 are read or refused, whatever the text is', () => {
    const piece = fc.constantFrom(
      '.to',
      ' ',
      'like',
      '==',
      '(',
      ')',
      '"',
      'not',
      'and',
      'or',
      'every',
      '5',
      '*',
      '\\',
      '[',
      ']',
      'max-sum',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            readPolicyTexts([text])
          } catch (error) {
            expect(error).toBeInstanceOf(UsageError)
          }
        },
      ),
      shortRuns(4_000),
    )
  })
})
