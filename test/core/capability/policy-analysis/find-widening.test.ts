import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { compilePolicy } from '../../../../src/core/capability/policy/compile.ts'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import { findWidening } from '../../../../src/core/capability/policy-analysis/find-widening.ts'
import { goodPolicyCases } from '../../../property/policy-arbitrary.ts'
import { shortRuns } from '../../../property/runs.ts'
import { policies } from './random-policies.ts'

const find = (parent: unknown, child: unknown) => findWidening(parsePolicy(parent), parsePolicy(child))

/** Statements about one value that often overlap, contradict or repeat each other. */
const number = fc.constantFrom(0, 1, 2, 3)
const text = fc.constantFrom('a', 'ab', 'abc', 'b')
const simple = fc.oneof(
  fc.tuple(fc.constantFrom('==', '!='), fc.constant('.a'), fc.oneof(number, text)),
  fc.tuple(fc.constantFrom('<', '<=', '>', '>='), fc.constant('.a'), number),
  fc.tuple(fc.constant('like'), fc.constant('.a'), fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 4 })),
)
const statement = fc.oneof(simple, fc.tuple(fc.constant('or'), fc.array(simple, { minLength: 1, maxLength: 3 })))

describe('findWidening', () => {
  it('looks once for a character that a pattern does not hold, however many it holds', () => {
    const held = Array.from({ length: 8_192 }, (_, at) => String.fromCharCode(0xe000 + at)).join('')
    const includes = vi.spyOn(String.prototype, 'includes')
    expect(find([['like', '.x', `${held}*`]], [['like', '.x', 'a*']])).toBeDefined()
    expect(find([['like', '.x', `${held}*`]], [['like', '.x', `${held}b*`]])).toBeUndefined()
    expect(includes.mock.calls.length).toBeLessThan(1_000)
    includes.mockRestore()
  })

  it.each<[unknown[], unknown[]]>([
    [
      ['<', '.a', 100],
      ['<', '.a', 500],
    ],
    [
      ['<', '.a', 100],
      ['<=', '.a', 100],
    ],
    [
      ['>', '.a', 5],
      ['>', '.a', 4],
    ],
    [
      ['>', '.a', 5],
      ['>=', '.a', 5],
    ],
    [
      ['>', '.a', 5],
      ['==', '.a', 5],
    ],
    [
      ['>=', '.a', 5],
      ['==', '.a', 4],
    ],
    [
      ['<=', '.a', 100],
      ['==', '.a', 101],
    ],
    [
      ['<', '.a', 100],
      ['>', '.a', 100],
    ],
    [
      ['<', '.a', 100],
      ['==', '.a', 100],
    ],
    [
      ['<', '.a', 100],
      ['like', '.a', 'x*'],
    ],
    [
      ['<', '.a', 100],
      ['!=', '.a', 500],
    ],
    [
      ['==', '.a', 1],
      ['==', '.a', 2],
    ],
    [
      ['==', '.a', 1],
      ['<', '.a', 2],
    ],
    [
      ['==', '.a', 'x'],
      ['like', '.a', '*'],
    ],
    [
      ['!=', '.a', 1],
      ['==', '.a', 1],
    ],
    [
      ['like', '.a', '/data/*'],
      ['like', '.a', '/dat*'],
    ],
    [
      ['like', '.a', '/data/*'],
      ['like', '.a', '*'],
    ],
    [
      ['like', '.a', '/data/*'],
      ['like', '.a', '/other/*'],
    ],
    [
      ['like', '.a', '/data/*'],
      ['==', '.a', '/other/x'],
    ],
    [
      ['like', '.a', '/data/*'],
      ['like', '.a', '/other/x'],
    ],
    [
      ['like', '.a', '*@example.com'],
      ['like', '.a', '*@example.org'],
    ],
    [
      ['like', '.a', '*@example.com'],
      ['like', '.a', '*.com'],
    ],
    [
      [
        'or',
        [
          ['==', '.a', 1],
          ['==', '.a', 2],
        ],
      ],
      ['==', '.a', 3],
    ],
    [
      [
        'or',
        [
          ['==', '.a', 1],
          ['==', '.a', 2],
        ],
      ],
      [
        'or',
        [
          ['==', '.a', 1],
          ['==', '.a', 3],
        ],
      ],
    ],
    [
      [
        'or',
        [
          ['==', '.a', 1],
          ['==', '.a', 2],
        ],
      ],
      ['<', '.a', 3],
    ],
    [
      ['all', '.a', ['<', '.', 5]],
      ['all', '.a', ['<', '.', 9]],
    ],
    [
      ['all', '.a', ['<', '.b', 5]],
      ['all', '["a"]', ['<', '.["b"]', 9]],
    ],
    [
      ['<', '.a.b[0]', 5],
      ['<', '.["a"].b.[0]', 9],
    ],
    [
      ['and', [['<', '.a', 5]]],
      ['and', [['<', '.a', 9]]],
    ],
  ])('POL-25 after %j finds %j', (parent, child) => {
    const widening = find([parent], [['==', '.z', 0], child])
    expect(widening).toMatchObject({ statement: 1, parentStatement: 0 })
    expect(widening?.message).toMatch(/^the policy allows that .+, but the proof only allows that .+$/)
  })

  it.each<[unknown[], unknown[]]>([
    [
      ['<', '.a', 100],
      ['<', '.a', 100],
    ],
    [
      ['<', '.a', 100],
      ['<', '.a', 50],
    ],
    [
      ['<=', '.a', 100],
      ['<', '.a', 100],
    ],
    [
      ['<', '.a', 100],
      ['>', '.a', 5],
    ],
    [
      ['<', '.a', 100],
      ['==', '.a', 50],
    ],
    [
      ['>=', '.a', 5],
      ['==', '.a', 5],
    ],
    [
      ['<=', '.a', 100],
      ['==', '.a', 100],
    ],
    [
      ['<', '.a', 100],
      ['!=', '.a', 50],
    ],
    [
      ['<', '.a', 100],
      ['<', '.b', 500],
    ],
    [
      ['<', '.a', 100],
      ['<', '.a?', 500],
    ],
    [
      ['!=', '.a', 1],
      ['!=', '.a', 2],
    ],
    [
      ['!=', '.a', 1],
      ['==', '.a', 2],
    ],
    [
      ['!=', '.a', 1],
      ['>', '.a', 1],
    ],
    [
      ['!=', '.a', 'x'],
      ['like', '.a', 'y*'],
    ],
    [
      ['like', '.a', '/data/*'],
      ['like', '.a', '/data/x/*'],
    ],
    [
      ['like', '.a', '/data/*'],
      ['like', '.a', '/data/x'],
    ],
    [
      ['like', '.a', '/data/*'],
      ['like', '.a', '*.txt'],
    ],
    [
      ['like', '.a', 'a*b*c'],
      ['like', '.a', 'a*b-b*c'],
    ],
    [
      ['like', '.a', 'a\\**'],
      ['like', '.a', 'a\\*b*'],
    ],
    [
      [
        'or',
        [
          ['==', '.a', 1],
          ['==', '.a', 2],
        ],
      ],
      ['==', '.a', 2],
    ],
    [
      [
        'or',
        [
          ['==', '.a', 'ab'],
          ['==', '.a', 'c'],
        ],
      ],
      ['like', '.a', 'a*'],
    ],
    [
      [
        'or',
        [
          ['like', '.a', 'a*'],
          ['like', '.a', 'b*'],
        ],
      ],
      ['like', '.a', 'ax*'],
    ],
    [
      ['all', '.a', ['<', '.', 5]],
      ['any', '.a', ['<', '.', 9]],
    ],
    [
      ['all', '.a', ['<', '.', 5]],
      ['all', '.a', ['<', '.b', 9]],
    ],
    [
      ['not', ['<', '.a', 5]],
      ['<', '.a', 9],
    ],
  ])('POL-25 after %j does not report %j', (parent, child) => {
    expect(find([parent], [child])).toBeUndefined()
  })

  it('POL-25 accepts a wide statement beside a narrow one', () => {
    expect(
      find(
        [['<', '.a', 100]],
        [
          ['<', '.a', 500],
          ['<', '.a', 50],
        ],
      ),
    ).toBeUndefined()
    expect(find([['<', '.a', 100]], [])).toBeUndefined()
    expect(find([], [['<', '.a', 100]])).toBeUndefined()
  })

  it('describes in words how the policy is wider', () => {
    expect(find([['<', '.amount', 100]], [['<', '.amount', 500]])?.message).toBe(
      'the policy allows that `.amount` is a number < 500, but the proof only allows that `.amount` is a number < 100; for example, it allows the arguments `{"amount": 499}`',
    )
  })

  it('P3 is right when it speaks: there is a value that the child allows and the parent does not', () => {
    // Every string of up to five of three letters. The patterns contain two of them, which is enough to distinguish any
    // two patterns.
    const longer = (texts: readonly string[]) => texts.flatMap((text) => ['a', 'b', 'c'].map((letter) => text + letter))
    let layer: readonly string[] = ['']
    const texts = [...layer]
    for (let length = 1; length <= 5; length++) {
      layer = longer(layer)
      texts.push(...layer)
    }
    const elements = [-1, 0, 0.5, 1, 1.5, 2, 2.5, 3, 4, true, null, ...texts]
    const ofElements = fc
      .tuple(fc.constant('all'), fc.constant('.a'), simple)
      .map(([all, place, [operator, , operand]]) => [all, place, [operator, '.', operand]])
    const pairs = fc.oneof(fc.tuple(statement, statement), fc.tuple(ofElements, ofElements))
    fc.assert(
      fc.property(pairs, ([parent, child]) => {
        const values = parent[0] === 'all' ? [[], ...elements.map((one) => [one])] : elements
        if (find([parent], [child]) === undefined) return
        const [wide, narrow] = [child, parent].map((one) => compilePolicy(parsePolicy([one])))
        const beyond = values.some((a) => !wide?.evaluate({ a }) && narrow?.evaluate({ a }))
        expect(beyond).toBe(true)
      }),
      shortRuns(1000),
    )
  })

  it.each<unknown[][]>([
    [
      ['==', '.a', 'x'],
      ['==', '.a', 'y'],
    ],
    [
      [
        'or',
        [
          ['==', '.a', 1],
          ['==', '.a', 2],
        ],
      ],
      ['==', '.a', 1],
    ],
    [
      ['<', '.a', 5],
      ['<', '.a', 9],
    ],
    [
      ['<', '.a', 5],
      ['>', '.a', 9],
    ],
    [
      ['like', '.a', 'x*'],
      ['like', '.a', 'y*'],
      ['like', '.a', '*'],
    ],
    [
      ['all', '.a', ['==', '.', 1]],
      ['all', '.a', ['==', '.', 2]],
    ],
    [
      [
        'and',
        [
          ['==', '.a', 1],
          ['==', '.a', 2],
        ],
      ],
      ['==', '.a', 2],
    ],
  ])(
    'POL-25 finds no widening in a policy beside itself, however it contradicts or repeats itself: %j, %j',
    (...policy) => {
      expect(find(policy, policy)).toBeUndefined()
      expect(find(policy, [...policy].reverse())).toBeUndefined()
      for (const statement of policy) expect(find(policy, [statement])).toBeUndefined()
    },
  )

  it('P3 finds no widening between a policy and itself, a reordered copy or an extension', () => {
    const nested = fc.oneof(
      statement,
      fc.tuple(fc.constant('all'), fc.constant('.b'), statement),
      fc.tuple(fc.constant('and'), fc.array(statement, { maxLength: 3 })),
      fc.tuple(fc.constant('not'), statement),
    )
    const policies = fc.array(nested, { maxLength: 5 })
    const cases = policies.chain((policy) => fc.tuple(fc.constant(policy), fc.shuffledSubarray(policy)))
    fc.assert(
      fc.property(cases, ([policy, part]) => {
        expect(find(policy, policy)).toBeUndefined()
        expect(find(policy, part)).toBeUndefined()
      }),
      shortRuns(2000),
    )
    fc.assert(
      fc.property(goodPolicyCases, ({ policy }) => {
        expect(find(policy, policy)).toBeUndefined()
      }),
      shortRuns(500),
    )
  })

  it('POL-25 still finds a statement that is not in the parent, beside those that are', () => {
    const parent = [
      ['<', '.a', 5],
      ['<', '.a', 9],
    ]
    expect(find(parent, [...parent, ['==', '.a', 7]])).toMatchObject({ statement: 2, parentStatement: 0 })
    expect(find(parent, [['<', '.a', 7]])).toMatchObject({ statement: 0, parentStatement: 0 })
  })

  it.each<[unknown[], unknown[]]>([
    [
      ['==', '.a', 1],
      ['not', ['==', '.a', 2]],
    ],
    [
      ['not', ['like', '.a', '*.secret']],
      ['not', ['like', '.a', '*x.secret']],
    ],
    [
      ['any', '.a', ['==', '.', 1]],
      ['any', '.a', ['<', '.', 3]],
    ],
    [
      ['or', ['a', 'b'].map((head) => ['like', '.a', `${head}/*`])],
      ['or', ['a', 'b', 'c'].map((head) => ['like', '.a', `${head}*`])],
    ],
    [
      ['any', '.a', ['==', '.', 1]],
      ['all', '.a', ['!=', '.', 1]],
    ],
  ])('ANL-09 ANL-11 after %j finds %j, with a call', (parent, child) => {
    const widening = find([parent], [['==', '.z', 0], child])
    expect(widening).toMatchObject({ statement: 1, parentStatement: 0, example: { z: 0 } })
    const [inner, outer] = [[['==', '.z', 0], child], [parent]].map((one) => compilePolicy(parsePolicy(one)))
    expect(inner?.evaluate(widening?.example ?? {})).toBeUndefined()
    expect(outer?.evaluate(widening?.example ?? {})).toBeDefined()
  })

  it('ANL-09 accepts a statement about another value, one that overlaps, and a wide one beside a narrow one', () => {
    const parent = [['not', ['like', '.a', '*.secret']]]
    expect(
      find(parent, [
        [
          'or',
          [
            ['==', '.b?', null],
            ['!=', '.b?', null],
          ],
        ],
      ]),
    ).toBeUndefined()
    expect(
      find(parent, [
        [
          'or',
          [
            ['like', '.a', 'x*'],
            ['==', '.b', 1],
          ],
        ],
      ]),
    ).toBeUndefined()
    expect(find(parent, [['like', '.a', '/data/*']])).toBeUndefined()
    const beside = [
      ['not', ['like', '.a', '*x.secret']],
      ['==', '.a', 'x.txt'],
    ]
    expect(find(parent, beside)).toBeUndefined()
  })

  it('ANL-10 does not find a statement that the analysis cannot compare', () => {
    const parent = [['not', ['==', '.a[-1]', 1]]]
    expect(
      find(parent, [
        [
          'not',
          [
            'and',
            [
              ['==', '.a[-1]', 1],
              ['==', '.a[-1]', 2],
            ],
          ],
        ],
      ]),
    ).toBeUndefined()
    expect(find([['<', '.a[-1]', 1]], [['<', '.a[-1]', 2]])).toMatchObject({ statement: 0 })
    const many = (length: number) =>
      Array.from({ length }, (_, at) => ['not', ['like', '.a', `*${'x'.repeat(60_000)}${at}*`]])
    expect(find(many(120), many(121).slice(1))).toBeUndefined()
  })

  it('ANL-09 ANL-11 is right when it speaks about any policies', () => {
    fc.assert(
      fc.property(policies, policies, (parent, child) => {
        const example = find(parent, child)?.example
        if (example === undefined) return
        const [inner, outer] = [child, parent].map((one) => compilePolicy(parsePolicy(one)))
        expect([inner?.evaluate(example) === undefined, outer?.evaluate(example) === undefined]).toEqual([true, false])
      }),
      shortRuns(1000),
    )
  })
})
