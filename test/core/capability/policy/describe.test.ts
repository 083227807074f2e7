import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { describePolicy } from '../../../../src/core/capability/policy/describe-policy.ts'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'

const link = 'bafyreiejkvsvdq4smz44yuwhfymcuvqzavveoj2at3utujwqlllspsqr6q'

describe('describePolicy', () => {
  it.each<[unknown[], string]>([
    [['==', '.to', 'ann'], '`.to` is `"ann"`'],
    [['==', '.a', 5], '`.a` is 5'],
    [['==', '.a', '5'], '`.a` is `"5"`'],
    [['==', '.a', null], '`.a` is `null`'],
    [['==', '.a', [1, { b: true }]], '`.a` is `[1, {"b": true}]`'],
    [['==', '.a', new Uint8Array([1, 171])], '`.a` is `0x01ab`'],
    [['==', '.a', CID.parse(link)], `\`.a\` is \`${link}\``],
    [['==', '.', {}], 'the map of all arguments is `{}`'],
    [['!=', '.env', 'prod'], '`.env` is present and is not `"prod"`'],
    [['!=', '.env?', 'prod'], '`.env?` is not `"prod"` (a missing value counts as `null`)'],
    [['!=', '.a?["b?"]', 1], '`.a?["b?"]` is present and is not 1'],
    [['<', '.a', 5], '`.a` is a number < 5'],
    [['<=', '.a', 5], '`.a` is a number <= 5'],
    [['>', '.a', 5], '`.a` is a number > 5'],
    [['>=', '.a', 5], '`.a` is a number >= 5'],
    [['like', '.a', '*'], '`.a` is any string'],
    [['like', '.a', 'x'], '`.a` is `"x"`'],
    [['like', '.a', 'x\\*'], '`.a` is `"x*"`'],
    [['like', '.a', '/data/*'], '`.a` is a string that begins with `"/data/"`'],
    [['like', '.a', '*@example.com'], '`.a` is a string that ends with `"@example.com"`'],
    [['like', '.a', 'a*b*c'], '`.a` is a string that begins with `"a"`, contains `"b"`, ends with `"c"`'],
    [['like', '.a', '*b*c*'], '`.a` is a string that contains `"b"` and then `"c"`'],
    [['and', []], 'anything'],
    [['or', []], 'anything (an `or` without statements always holds)'],
    [
      [
        'and',
        [
          ['<', '.a', 5],
          ['>', '.a', 1],
        ],
      ],
      '(`.a` is a number < 5 and `.a` is a number > 1)',
    ],
    [
      [
        'or',
        [
          ['<', '.a', 5],
          ['>', '.b', 1],
        ],
      ],
      '(`.a` is a number < 5 or `.b` is a number > 1)',
    ],
    [['or', [['<', '.a', 5]]], '`.a` is a number < 5'],
    [['not', ['<', '.a', 5]], 'it is not the case that `.a` is a number < 5'],
    [
      [
        'or',
        [
          ['not', ['<', '.a', 5]],
          ['>', '.b', 1],
        ],
      ],
      '((it is not the case that `.a` is a number < 5) or `.b` is a number > 1)',
    ],
    [
      [
        'and',
        [
          ['or', [['all', '.to', ['==', '.', 1]]]],
          ['any', '.to', ['==', '.', 2]],
          ['>', '.b', 1],
        ],
      ],
      '((for every element of `.to`: the element is 1) and (for at least one element of `.to`: the element is 2) and `.b` is a number > 1)',
    ],
    [['all', '.to', ['like', '.', '*x']], 'for every element of `.to`: the element is a string that ends with `"x"`'],
    [['any', '.to', ['==', '.name', 1]], 'for at least one element of `.to`: `.name` of the element is 1'],
  ])('%j', (statement, words) => {
    expect(describePolicy(parsePolicy([statement]))).toEqual([words])
  })

  it('shows a selector so that it cannot be confused with the words around it', () => {
    const selector = '["amount` is a number < 10, and \u202e\u009b`x"]'
    const shown = '`["amount\\u0060 is a number < 10, and \\u202e\\u009b\\u0060x"]`'
    expect(describePolicy(parsePolicy([['>=', selector, 1]]))).toEqual([`${shown} is a number >= 1`])
    const long = `["${'x'.repeat(1000)}"]`
    expect(describePolicy(parsePolicy([['>=', long, 1]]))).toEqual([`\`${long}\` is a number >= 1`])
  })

  it('marks each cut, because a person may have to agree to the text', () => {
    const [words = ''] = describePolicy(parsePolicy([['==', '.a', 'x'.repeat(300)]]))
    expect(words).toBe(`\`.a\` is \`"${'x'.repeat(199)}\` (and 102 more characters)`)
    const whole = `"${'x'.repeat(198)}"`
    expect(describePolicy(parsePolicy([['==', '.a', 'x'.repeat(198)]]))).toEqual([`\`.a\` is \`${whole}\``])
    const [over = ''] = describePolicy(parsePolicy([['==', '.a', 'x'.repeat(199)]]))
    expect(over).toMatch(/ \(and 1 more characters\)$/)
  })

  it('hides no part of a selector, and no item of a list, between two slashes and an `@`', () => {
    const selector = '["https://x"].secret["@"]'
    expect(describePolicy(parsePolicy([['>=', `.${selector}`, 1]]))).toEqual([`\`.${selector}\` is a number >= 1`])
    expect(describePolicy(parsePolicy([['==', '.a', ['https://x: ', 'hidden', '@']]]))).toEqual([
      '`.a` is `["https://x: ", "hidden", "@"]`',
    ])
  })

  it('shows no password of a URL, also where the literal is cut before the `@`', () => {
    const literal = `https://user:${'canary'.repeat(50)}@host.example`
    expect(describePolicy(parsePolicy([['==', '.a', literal]]))).toEqual(['`.a` is `"https://…@host.example"`'])
  })

  it('escapes what would change how the text looks [attack 80]', () => {
    const [words = ''] = describePolicy(parsePolicy([['==', '.a', 'a\n\u202eb`c']]))
    expect(words).toBe('`.a` is `"a\\n\\u202eb\\u0060c"`')
  })

  it('has one sentence for each statement', () => {
    expect(
      describePolicy(
        parsePolicy([
          ['<', '.a', 5],
          ['>', '.a', 1],
        ]),
      ),
    ).toHaveLength(2)
    expect(describePolicy([])).toEqual([])
  })
})
