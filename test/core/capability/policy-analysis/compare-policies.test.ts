import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePolicy } from '../../../../src/core/capability/policy/compile.ts'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import { comparePolicies } from '../../../../src/core/capability/policy-analysis/compare-policies.ts'
import { findWidening } from '../../../../src/core/capability/policy-analysis/find-widening.ts'
import type { IpldValue } from '../../../../src/core/ipld/value.ts'
import { shortRuns } from '../../../property/runs.ts'
import { evaluatePolicy } from '../../../reference/policy.ts'
import { plain, policies, simpleOn, universe } from './random-policies.ts'

const compare = (first: unknown, second: unknown) => comparePolicies(parsePolicy(first), parsePolicy(second))

describe('comparePolicies', () => {
  it.each([
    [[['like', '.to', '*@e']], [['==', '.to', 'ann@e']], 'wider'],
    [[['<', '.a', 5]], [['<=', '.a', 5]], 'narrower'],
    [[['==', '.a', 1]], [['==', '.a', 2]], 'disjoint'],
    [[['like', '.a', 'x*']], [['like', '.a', '*y']], 'overlapping'],
    [[['like', '.a', 'x*']], [['not', ['not', ['like', '.a', 'x**']]]], 'equal'],
    [
      [
        ['>', '.a', 1],
        ['<', '.a', 1 + 2 ** -52],
      ],
      [['==', '.a', 3]],
      'narrower',
    ],
    [[], [['or', []]], 'equal'],
    // A value that is not a number is neither above nor below.
    [[['<=', '.a', 5]], [['not', ['>', '.a', 5]]], 'narrower'],
    [[['any', '.a', ['==', '.', 1]]], [['not', ['all', '.a', ['!=', '.', 1]]]], 'narrower'],
  ])('ANL-01: %j beside %j is %s', (first, second, relation) => {
    expect(compare(first, second).relation).toBe(relation)
  })

  it('ANL-02: a negation does not permit a call without the value', () => {
    const { relation, onlySecond } = compare([['!=', '.a', 1]], [])
    expect([relation, onlySecond?.args]).toEqual(['narrower', {}])
    expect(compare([['not', ['==', '.a', 1]]], [['!=', '.a', 1]]).relation).toBe('equal')
  })

  it('ANL-03: knows that a missing value behind `?` is null', () => {
    const text = ['like', '.a', '']
    const { relation, onlyFirst } = compare([text], [text, ['!=', '.a?.b?', null]])
    expect([relation, onlyFirst?.args]).toEqual(['wider', { a: '' }])
    expect(compare([['<', '.a', 0]], [['!=', '.a?.b?', [0]]]).relation).toBe('narrower')
  })

  it('ANL-04: finds the longer list that differs from an excluded one', () => {
    const zeros = [
      ['==', '.a[0]', 0],
      ['all', '.a', ['==', '.', 0]],
      ['!=', '.a', [0]],
    ]
    expect(compare(zeros, []).both?.args).toEqual({ a: [0, 0] })
  })

  it('ANL-05: names the statement that it does not understand, and proves without it where it can', () => {
    const last = ['==', '.a[-1]', 1]
    const { relation, undecided } = compare([['==', '.b', 1], last], [['==', '.a[-1]', 2]])
    const reason = 'the selector `.a[-1]` has a negative index, a slice or `[]`'
    expect([relation, undecided]).toEqual(['unknown', { policy: 'first', statement: 1, reason }])
    expect(compare([['==', '.b', 1]], [['==', '.b', 1], last]).relation).toBe('wider')
    expect(compare([last], [last]).relation).toBe('equal')
  })

  it('ANL-06: returns the limit by which a policy permits a call less often', () => {
    expect(compare([['limit/uses', 5]], [['limit/uses', 10]])).toEqual({
      relation: 'narrower',
      onlySecond: { args: {}, limit: 0 },
      both: { args: {} },
    })
    expect(compare([['limit/rate', 5, 60]], [['limit/rate', 9, 120]]).relation).toBe('unknown')
    expect(compare([['limit/uses', 0]], [['limit/uses', 1]]).relation).toBe('narrower')
  })

  it('ANL-03 ANL-04: agrees with the reference evaluator about all calls of a small universe', {
    timeout: 120_000,
  }, () => {
    const { numRuns, seed } = shortRuns(1_500)
    let decided = 0
    fc.assert(
      fc.property(policies, policies, fc.nat(3), (first, other, kind) => {
        const second = kind === 0 ? first.slice(1) : kind === 1 ? [...first, ...other] : other
        const result = compare(first, second)
        const { relation, onlyFirst, onlySecond, both } = result
        if (relation !== 'unknown') decided++
        const permits = (policy: unknown, args: unknown) => evaluatePolicy(policy, args) === true
        if (onlyFirst) expect([first, second].map((one) => permits(one, plain(onlyFirst.args)))).toEqual([true, false])
        if (onlySecond)
          expect([first, second].map((one) => permits(one, plain(onlySecond.args)))).toEqual([false, true])
        if (both) expect([first, second].map((one) => permits(one, plain(both.args)))).toEqual([true, true])
        const [a, b] = [first, second].map((one) => compilePolicy(parsePolicy(one)))
        for (const args of universe) {
          const inFirst = a?.evaluate(args as IpldValue) === undefined
          const inSecond = b?.evaluate(args as IpldValue) === undefined
          if (inFirst && !inSecond) expect(['equal', 'narrower']).not.toContain(relation)
          if (inSecond && !inFirst) expect(['equal', 'wider']).not.toContain(relation)
          if (inFirst && inSecond) expect(relation).not.toBe('disjoint')
        }
      }),
      { numRuns, seed },
    )
    expect(decided).toBeGreaterThan(numRuns * 0.95)
  })

  it('never calls a policy narrower in which findWidening finds a wider statement', () => {
    fc.assert(
      fc.property(simpleOn(fc.constant('.a')), simpleOn(fc.constant('.a')), (parent, child) => {
        const isWider = findWidening(parsePolicy([parent]), parsePolicy([child])) !== undefined
        if (isWider) expect(['equal', 'narrower']).not.toContain(compare([child], [parent]).relation)
      }),
      { numRuns: 200, seed: 7 },
    )
  })

  describe('ANL-05: ends within its budget', () => {
    const many = <One>(count: number, one: (at: number) => One) => Array.from({ length: count }, (_, at) => one(at))
    const x = (length: number) => 'x'.repeat(length)
    const choices = many(40, (at) => ['or', many(2, (one) => ['like', '.a', `*${'x'.repeat(one)}${at}*`])])
    it.each<[string, unknown[], unknown[]]>([
      ['patterns of 64 KB', [['like', '.a', `*${'ab*'.repeat(20_000)}`]], [['like', '.a', 'x*']]],
      ['a pattern of one letter', [['like', '.a', `*${x(65_000)}`]], [['like', '.a', `*${x(64_000)}y`]]],
      ['255 patterns of 64 KB', many(255, (at) => ['like', '.a', `*${x(65_000)}${at}*`]), [['like', '.a', '*z*']]],
      ['alternatives', choices, [['like', '.a', '*z*']]],
      [
        'alternatives of 64 KB beside a pattern of 64 KB',
        many(60, (at) => ['or', many(2, (one) => ['==', '.a', `${x(60_000 + one)}${at}`])]),
        [['like', '.a', `*${x(30_000)}*${x(20_000)}y`]],
      ],
      [
        'large maps',
        many(255, (from) => ['!=', '.a', Object.fromEntries(many(500, (at) => [`k${at}`, at + from]))]),
        [['!=', '.a', Object.fromEntries(many(500, (at) => [`k${at}`, -1]))]],
      ],
      [
        'elements of lists',
        many(50, (at) => ['any', '.a', ['like', '.', `*${at}*`]]),
        many(50, (at) => ['all', '.a', ['like', '.', `*${at}*`]]),
      ],
      ['large indexes', many(200, (at) => ['==', `.a[${at * 997}]`, at]), [['==', '.a[9007199254740991]', 1]]],
    ])('for %s', (_, first, second) => {
      expect(compare(first, second).relation).not.toMatch(/equal|narrower/)
    })
  })
})
