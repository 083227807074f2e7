import { describe, expect, it } from 'vitest'
import { compilePolicy } from '../../../../src/core/capability/policy/compile.ts'
import { beginEvaluation } from '../../../../src/core/capability/policy/evaluation.ts'
import { explainPolicy } from '../../../../src/core/capability/policy/explain.ts'
import type { PolicyObjection } from '../../../../src/core/capability/policy/objection.ts'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import type { IpldValue } from '../../../../src/core/ipld/value.ts'

const objectionTo = (policy: unknown, args: IpldValue) => compilePolicy(parsePolicy(policy)).evaluate(args)

describe('PolicyObjection', () => {
  it('names the statement, the selector, the expected and the found value', () => {
    const objection = objectionTo(
      [
        ['==', '.b', 1],
        ['<', '.amount', 100],
      ],
      { b: 1, amount: 500 },
    )
    expect(objection).toEqual({
      statement: 1,
      path: [],
      operator: '<',
      selector: '.amount',
      reason: 'false',
      expected: 'a number < 100',
      found: '500',
    })
    expect(Object.isFrozen(objection)).toBe(true)
  })

  it('reports that there was no value', () => {
    expect(objectionTo([['!=', '.env', 'prod']], {})).toMatchObject({ reason: 'unresolved', found: 'no value' })
  })

  it('names the first that is false before the first that is unresolved', () => {
    const policy = [
      ['==', '.x', 1],
      ['==', '.y', 1],
      ['==', '.a', 1],
      ['==', '.a', 2],
    ]
    expect(objectionTo(policy, { a: 5 })).toMatchObject({ statement: 2, reason: 'false' })
    expect(objectionTo(policy.slice(0, 2), { a: 5 })).toMatchObject({ statement: 0, reason: 'unresolved' })
  })

  it.each<[string, unknown, IpldValue, Partial<PolicyObjection>]>([
    [
      'and',
      [
        'and',
        [
          ['==', '.a', 1],
          ['==', '.a', 2],
        ],
      ],
      { a: 1 },
      { path: [1], operator: '==' },
    ],
    [
      'and, unresolved',
      [
        'and',
        [
          ['==', '.a', 1],
          ['==', '.x', 2],
        ],
      ],
      { a: 1 },
      { path: [1], reason: 'unresolved' },
    ],
    [
      'or',
      [
        'or',
        [
          ['==', '.a', 2],
          ['==', '.a', 3],
        ],
      ],
      { a: 1 },
      { path: [], operator: 'or' },
    ],
    ['or of one', ['or', [['==', '.a', 2]]], { a: 1 }, { path: [0], operator: '==' }],
    [
      'or, unresolved',
      [
        'or',
        [
          ['==', '.a', 2],
          ['==', '.x', 3],
        ],
      ],
      { a: 1 },
      { path: [1], selector: '.x' },
    ],
    ['not', ['not', ['==', '.a', 1]], { a: 1 }, { path: [], operator: 'not', expected: 'the statement not to hold' }],
    ['not, unresolved', ['not', ['==', '.x', 1]], { a: 1 }, { path: [0], operator: '==', reason: 'unresolved' }],
    ['all', ['all', '.a', ['<', '.b', 2]], { a: [{ b: 1 }, { b: 2 }] }, { path: [1], selector: '.b', found: '2' }],
    ['all over a map', ['all', '.a', ['<', '.', 2]], { a: { aa: 5, z: 1 } }, { path: [1], selector: '.', found: '5' }],
    ['all over no collection', ['all', '.a', ['<', '.', 2]], { a: 5 }, { path: [], operator: 'all', found: '5' }],
    ['any', ['any', '.a', ['==', '.', 5]], { a: [1, 2] }, { path: [], operator: 'any', found: 'a list of 2 elements' }],
    ['any over one', ['any', '.a', ['==', '.', 5]], { a: [1] }, { path: [0], operator: '==', found: '1' }],
    [
      'deep within',
      [
        'all',
        '.a',
        [
          'and',
          [
            ['or', []],
            ['any', '.b', ['like', '.', 'x*']],
          ],
        ],
      ],
      { a: [{ b: ['x'] }, { b: 'x' }] },
      { path: [1, 1], operator: 'any', selector: '.b' },
    ],
  ])('goes down to what decided: %s', (_, statement, args, wanted) => {
    expect(objectionTo([statement], args)).toMatchObject({ statement: 0, ...wanted })
  })

  it('POL-23 holds no text and no bytes of the arguments', () => {
    const secret = 'correct horse battery staple'
    const values: IpldValue[] = [secret, [secret], { [secret]: secret }, new TextEncoder().encode(secret)]
    const statements = [
      ['==', '.a', 1],
      ['!=', '.a', 1],
      ['<', '.a', 1],
      ['all', '.a', ['<', '.', 1]],
    ]
    for (const a of values) {
      for (const statement of statements) {
        const text = JSON.stringify(objectionTo([statement, ['not', statement]], { a }))
        expect(text).toBeDefined()
        expect(text).not.toContain('horse')
      }
    }
    expect(objectionTo([['like', '.a', 'x']], { a: secret })?.found).toBe('a string of 28 characters')
    expect(objectionTo([['==', '.a', 1]], { a: new Uint8Array(1) })?.found).toBe('1 byte')
    expect(objectionTo([['==', '.a', 1]], { a: {} })?.found).toBe('a map of 0 keys')
  })

  it('is short whatever the policy and the arguments are', () => {
    const long = 'y'.repeat(60_000)
    const text = JSON.stringify(objectionTo([['like', '.a', long]], { a: `${long}z` }))
    expect(text.length).toBeLessThan(400)
  })

  it('names the statement inside only as far as the steps that are left go', () => {
    const both = [
      ['==', '.b', 1],
      ['any', '.a', ['==', '.', 0]],
    ]
    const args = { a: [], b: 1 }
    const policy = compilePolicy(parsePolicy([['and', both]]))
    expect(policy.evaluate(args)).toMatchObject({ path: [1], operator: 'any', reason: 'false' })
    const verdictOnly = { ...beginEvaluation(args), remaining: 5 }
    expect(policy.evaluate(args, verdictOnly)).toMatchObject({ path: [], operator: 'and', reason: 'false' })
  })

  it('reports that the budget is used up', () => {
    const many = Array.from({ length: 200 }, () => ['==', '.', 'x'])
    const objection = objectionTo(
      [
        ['==', '.b', 1],
        ['all', '.a', ['and', many]],
      ],
      { a: Array(500).fill('x'), b: 1 },
    )
    expect(objection).toEqual({
      statement: 1,
      path: [],
      operator: 'all',
      reason: 'over_budget',
      expected: 'an answer within 100000 steps',
    })
  })
})

describe('explainPolicy', () => {
  const policy = parsePolicy([
    ['<', '.amount', 100],
    ['like', '.to', '*@example.com'],
    ['==', '.x', 1],
  ])

  it('reports every statement', () => {
    const explained = explainPolicy(policy, { amount: 5, to: 'ann@example.org' })
    expect(explained.allowed).toBe(false)
    expect(explained.outcome).toBe('false')
    expect(explained.statements.map(({ outcome }) => outcome)).toEqual(['true', 'false', 'unresolved'])
    expect(explained.statements[0]).toEqual({
      statement: 0,
      description: '`.amount` is a number < 100',
      outcome: 'true',
    })
    expect(explained.statements[1]?.objection).toMatchObject({ statement: 1, found: '`ann@example.org`' })
    expect(explained.statements[2]?.objection).toMatchObject({ statement: 2, found: 'no value' })
  })

  it('shows values, or with `redact` only their kinds', () => {
    const found = (args: IpldValue, redact: boolean) =>
      explainPolicy(policy, args, { redact }).statements.map(({ objection }) => objection?.found)
    const args = { amount: 500, to: 'x'.repeat(100), x: [1] }
    expect(found(args, false)).toEqual(['500', `\`${'x'.repeat(64)}…\``, 'a list of 1 element'])
    expect(found(args, true)).toEqual(['a number', 'a string', 'a list'])
    expect(found({ amount: true, to: null, x: new Uint8Array(2) }, true)).toEqual(['a boolean', 'null', 'bytes'])
    expect(found({ amount: true, to: 5, x: new Uint8Array(2) }, false)).toEqual(['true', '5', '2 bytes'])
  })

  it('is of the verdict of the compiled policy', () => {
    expect(explainPolicy(policy, { amount: 5, to: 'ann@example.com', x: 1 })).toMatchObject({
      allowed: true,
      outcome: 'true',
    })
    expect(explainPolicy([], {})).toEqual({ allowed: true, outcome: 'true', statements: [] })
  })

  it('is over budget where the policy is, also when each statement alone is not', () => {
    const list = Array(8000).fill(0)
    const statements = Array.from({ length: 14 }, () => ['all', '.a', ['==', '.', 0]])
    const explained = explainPolicy(parsePolicy(statements), { a: list })
    expect(explained.outcome).toBe('over_budget')
    expect(explained.statements.every(({ outcome }) => outcome === 'true')).toBe(true)
    const many = Array.from({ length: 200 }, () => ['==', '.', 0])
    const costly = explainPolicy(parsePolicy([['all', '.a', ['and', many]]]), { a: list })
    expect(costly.statements[0]?.outcome).toBe('over_budget')
  })
})
