import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { integer } from '../../../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../../../src/core/capability/definition.ts'
import {
  and,
  eq,
  every,
  maxConcurrent,
  maxRate,
  maxSum,
  maxUses,
  not,
  or,
  some,
} from '../../../../src/core/capability/policy/build.ts'
import { compilePolicy } from '../../../../src/core/capability/policy/compile.ts'
import { describePolicy } from '../../../../src/core/capability/policy/describe-policy.ts'
import { explainPolicy } from '../../../../src/core/capability/policy/explain.ts'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import { policyFor } from '../../../../src/core/capability/policy/policy-for.ts'
import type { Statement } from '../../../../src/core/capability/policy/statement.ts'
import { findWidening } from '../../../../src/core/capability/policy-analysis/find-widening.ts'
import { lintPolicy } from '../../../../src/core/capability/policy-analysis/lint.ts'
import type { IpldValue } from '../../../../src/core/ipld/value.ts'
import { ArgumentError } from '../../../../src/errors.ts'
import { shortRuns } from '../../../property/runs.ts'
import { refusalOf } from '../../../support/refusal.ts'
import { decimal } from '../../authorization/limits/decimal.ts'

const refusal = (policy: unknown): Promise<string> => refusalOf(() => parsePolicy(policy))
const limits: readonly Statement[] = [maxUses(100), maxSum('.amount', '250.00'), maxRate(10, 60), maxConcurrent(2)]
const outcome = (statement: unknown, args: IpldValue): string => explainPolicy(parsePolicy([statement]), args).outcome

describe('limits', () => {
  it('LMT-01 are written in the form of a token, and read again', () => {
    expect(limits).toEqual([
      ['limit/uses', 100],
      ['limit/sum', '.amount', '250.00'],
      ['limit/rate', 10, 60],
      ['limit/concurrent', 2],
    ])
    expect(parsePolicy(limits)).toEqual(limits)
    expect(limits.every(Object.isFrozen)).toBe(true)
    expect(maxUses(1, 'did:web:a.example%3A8443')).toEqual(['limit/uses', 1, 'did:web:a.example%3A8443'])
    expect(maxSum('.amount', 250)).toEqual(['limit/sum', '.amount', '250'])
  })

  it.each(limits)('LMT-01 are never inside another statement: %j', async (...limit) => {
    const inner = limit as unknown as Statement
    for (const around of [
      ['and', [inner]],
      ['or', [inner]],
      ['not', inner],
      ['all', '.list', inner],
      ['any', '.list', inner],
      ['and', [['and', [inner]]]],
    ]) {
      expect(await refusal([around])).toBe('LMT-01')
    }
    for (const build of [and, or, not, (one: Statement) => every('.list', one), (one: Statement) => some('.list', one)])
      expect(() => build(inner)).toThrow(ArgumentError)
  })

  it.each([
    [['limit/uses']],
    [['limit/uses', -1]],
    [['limit/uses', 1.5]],
    [['limit/uses', '100']],
    [['limit/uses', Number.NaN]],
    [['limit/uses', Number.POSITIVE_INFINITY]],
    [['limit/uses', 1e15]],
    [['limit/uses', null]],
    [['limit/uses', [100]]],
    [['limit/uses', 1, 1]],
    [['limit/uses', 1, 'service']],
    [['limit/uses', 1, 'did:key:a"b']],
    [['limit/uses', 1, 'did:key:']],
    [['limit/uses', 1, 'did:key:a', 'did:key:b']],
    [['limit/concurrent', 1, 'did:key:a']],
    [['limit/concurrent', 10_000]],
    [['limit/concurrent']],
    [['limit/rate', 10]],
    [['limit/rate', 10, 0]],
    [['limit/rate', 10, -60]],
    [['limit/rate', 10, 0.5]],
    [['limit/rate', 10, 100_000_000]],
    [['limit/rate', 10_000, 60]],
    [['limit/rate', 10, 60, 1]],
    [['limit/sum', '.amount']],
    [['limit/sum', '.amount', 250]],
    [['limit/sum', '.amount', '1e3']],
    [['limit/sum', '.amount', '-1']],
    [['limit/sum', '.amount', '0250']],
    [['limit/sum', '.amount', '1.']],
    [['limit/sum', '.amount', '.5']],
    [['limit/sum', '.amount', '']],
    [['limit/sum', '.amount', '1000000000000000']],
    [['limit/sum', '.amount', '100000000.00000000']],
    [['limit/sum', '.amount', '250.00', 'EUR']],
  ])('LMT-01 have one form each: %j is refused', async (statement) => {
    expect(await refusal([statement])).toBe('LMT-01')
  })

  it.each([
    [['limit/sum', 'amount', '1'], 'SEL-01'],
    [['limit/sum', 5, '1'], 'POL-03'],
    [['limit/unknown', 1], 'POL-02 unsupported'],
    [['limit/'], 'POL-02 unsupported'],
    [['Limit/uses', 1], 'POL-02 unsupported'],
  ])('POL-02 are no other words: %j', async (statement, wanted) => {
    expect(await refusal([statement])).toBe(wanted)
  })

  it('are found in a compiled policy', () => {
    for (const limit of limits) expect(compilePolicy([eq('.a', 1), limit]).hasLimits).toBe(true)
    expect(compilePolicy([eq('.limit', 'limit/uses')]).hasLimits).toBe(false)
  })
})

describe('LMT-04 an amount', () => {
  const sum = ['limit/sum', '.amount', '250.00']

  it.each([0, -0, 1, 250, '0', '0.00', '1', '1.0', '1.00', '250', '250.00', '249.99'])('can be %j', (amount) => {
    expect(outcome(sum, { amount })).toBe('true')
  })

  it.each([
    -1,
    0.5,
    1e308,
    -1e308,
    Number.MAX_SAFE_INTEGER,
    250.5,
    251,
    '251',
    '250.01',
    '999999999999999',
    '9999999999999999',
    '9'.repeat(60_000),
    '1.000',
    '1.00000000000000000000',
    '0x10',
    '1e2',
    '-1',
    '-0',
    '+1',
    ' 1',
    '1 ',
    '1\n',
    '01',
    '00',
    '1.',
    '.5',
    '1,00',
    '1_0',
    '١',
    '１',
    'NaN',
    'Infinity',
    '',
    null,
    true,
    [1],
    [],
    ['1'],
    { 0: '1' },
    new Uint8Array([1]),
  ])('cannot be %j', (amount) => {
    expect(outcome(sum, { amount })).toBe('false')
  })

  it('is required', () => {
    expect(outcome(sum, {})).toBe('unresolved')
    expect(outcome(['limit/sum', '.amount?', '250.00'], {})).toBe('false')
    expect(outcome(['limit/sum', '.items[].amount', '250.00'], { items: [{ amount: 1 }] })).toBe('unresolved')
  })

  it('fits into a maximum exactly if an exact comparison of decimals finds so', () => {
    const digits = fc.integer({ min: 0, max: 99_999 })
    const text = fc.tuple(digits, fc.option(fc.stringMatching(/^\d{1,4}$/), { nil: undefined }))
    const written = text.map(([whole, fraction]) => (fraction === undefined ? `${whole}` : `${whole}.${fraction}`))
    const places = (value: string): number => value.split('.')[1]?.length ?? 0
    fc.assert(
      fc.property(written, written, (maximum, amount) => {
        const fits = places(amount) <= places(maximum) && decimal(maximum) > 0n && decimal(amount) <= decimal(maximum)
        expect(outcome(['limit/sum', '.amount', maximum], { amount }) === 'true').toBe(fits)
      }),
      { ...shortRuns(2_000), seed: 62 },
    )
  })
})

describe('LMT-05 a limit as a condition on one call', () => {
  it('holds, unless it is 0', () => {
    for (const limit of limits) expect(outcome(limit, { amount: 0 })).toBe('true')
    for (const zero of [maxUses(0), maxRate(0, 60), maxConcurrent(0), maxSum('.amount', 0), maxSum('.amount', '0.00')])
      expect(outcome(zero, { amount: 0 })).toBe('false')
  })

  it('objects with the selector and the maximum', () => {
    const objection = (statement: Statement, args: IpldValue) => compilePolicy([statement]).evaluate(args)
    expect(objection(maxSum('.amount', '250.00'), { amount: '251' })).toMatchObject({
      operator: 'limit/sum',
      selector: '.amount',
      expected: 'an amount up to 250.00',
      found: 'a string of 3 characters',
    })
    expect(objection(maxUses(0), {})).toEqual({
      statement: 0,
      path: [],
      operator: 'limit/uses',
      reason: 'false',
      expected: 'more than 0',
    })
  })
})

describe('descriptions and warnings of limits', () => {
  it('say who is counted together', () => {
    expect(describePolicy([maxUses(1, 'did:web:shop.example')])).toEqual([
      'at most 1 call is made at did:web:shop.example alone, by all holders together',
    ])
    expect(describePolicy([...limits, maxUses(1), maxRate(0, 9)])).toEqual([
      'at most 100 calls are made, by all holders together',
      '`.amount` adds up to at most 250.00 in the calls of all holders together',
      'at most 10 calls are made in any 60 seconds, by all holders together',
      'at most 2 calls are made at the same time, by all holders together',
      'at most 1 call is made, by all holders together',
      'no call is made',
    ])
  })

  it('LMT-07 warn about a looser limit, and about one that allows nothing', () => {
    const rules = (...policy: Statement[]) => lintPolicy(policy).map(({ statement, rule }) => `${statement} ${rule}`)
    expect(rules(...limits)).toEqual([])
    expect(rules(maxUses(5), maxUses(9))).toEqual(['1 looser-limit'])
    expect(rules(maxUses(9), maxUses(5))).toEqual(['0 looser-limit'])
    expect(rules(maxUses(9), maxUses(9))).toEqual(['1 duplicate'])
    expect(rules(maxRate(9, 60), maxRate(90, 3600))).toEqual([])
    expect(rules(maxSum('.a', '0.00'))).toEqual(['0 limit-of-zero'])
    expect(rules(maxSum('.a', 5), maxSum('.b', 9))).toEqual([])
    expect(rules(maxSum('.a', 5), maxSum('["a"]', '5.01'))).toEqual(['1 looser-limit'])
    expect(rules(maxConcurrent(0))).toEqual(['0 limit-of-zero'])
  })

  it('LMT-07 find that a child is looser than its parent', () => {
    const looser = (parent: Statement, child: Statement) => findWidening([parent], [child]) !== undefined
    expect(looser(maxUses(5), maxUses(6))).toBe(true)
    expect(looser(maxUses(6), maxUses(5))).toBe(false)
    expect(looser(maxUses(6), maxUses(6))).toBe(false)
    expect(looser(maxUses(0), maxUses(1))).toBe(true)
    expect(looser(maxSum('.a', '1.10'), maxSum('.a', '1.1'))).toBe(false)
    expect(looser(maxSum('.a', '1.10'), maxSum('.a', '1.11'))).toBe(true)
    expect(looser(maxSum('.a', '9'), maxSum('.a', '10'))).toBe(true)
    expect(looser(maxSum('.a', 1), maxSum('.b', 9))).toBe(false)
    expect(looser(maxRate(5, 60), maxRate(6, 60))).toBe(true)
    expect(looser(maxRate(5, 60), maxRate(50, 600))).toBe(false)
    expect(looser(maxConcurrent(1), maxConcurrent(2))).toBe(true)
    expect(findWidening([maxUses(5)], [eq('.a', 1), maxUses(6)])).toEqual({
      statement: 1,
      parentStatement: 0,
      message:
        'the policy allows that at most 6 calls are made, by all holders together, but the proof only allows that at most 5 calls are made, by all holders together',
    })
  })
})

describe('policyFor', () => {
  it('knows the arguments that can be added up', () => {
    const is = policyFor(defineCommand({ command: '/pay', args: { cents: integer() } }))
    expect(is.maxSum('.cents', 500)).toEqual(['limit/sum', '.cents', '500'])
    expect(() => is.maxSum('.cent' as never, 500)).toThrow('has no argument `cent`')
  })
})
