import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import { permits } from '../../../../src/core/capability/policy-analysis/permits.ts'
import { shortRuns } from '../../../property/runs.ts'
import { evaluatePolicy } from '../../../reference/policy.ts'
import { plain, policies, universe } from './random-policies.ts'

const ask = (policy: unknown, region: unknown) => permits(parsePolicy(policy), parsePolicy(region))
const outside = [['not', ['like', '.to', '*@example.com']]]

describe('permits', () => {
  it('ANL-07: answers whether an agent can ever write outside of a domain', () => {
    expect(ask([['like', '.to', '*@example.com']], outside)).toEqual({
      permission: 'never',
      refused: { args: { to: expect.anything() } },
    })
    const some = ask([['like', '.to', 'ann@*']], outside)
    expect(some.permission).toBe('sometimes')
    expect(some.permitted?.args['to']).toMatch(/^ann@/)
    expect(some.refused?.args['to']).not.toMatch(/^ann@/)
    expect(ask([['!=', '.to', 'ann@example.com']], outside).permission).toBe('always')
    // A list of recipients is not a text, so it is outside of the domain as well.
    expect(ask([['all', '.to', ['like', '.', '*@example.com']]], outside).permission).toBe('sometimes')
  })

  it('ANL-07: a limit permits the calls of a region, but not all of them together', () => {
    expect(ask([['limit/uses', 2]], [])).toEqual({
      permission: 'sometimes',
      permitted: { args: {} },
      refused: { args: {}, limit: 0 },
    })
    expect(ask([['limit/uses', 0]], []).permission).toBe('never')
  })

  it('ANL-07: names the statement and the reason of unknown', () => {
    const last = ['==', '.to[-1]', 'x']
    const reason = 'the selector `.to[-1]` has a negative index, a slice or `[]`'
    const policy = [['==', '.b', 1], last]
    expect(ask(policy, [['==', '.b', 1]])).toEqual({
      permission: 'unknown',
      refused: { args: { b: 1 } },
      undecided: { policy: 'first', statement: 1, reason },
    })
    expect(ask([['==', '.to', 'x']], [last]).undecided).toEqual({ policy: 'second', statement: 0, reason })
    // The meaning of the statement does not matter to this proof.
    expect(ask(policy, [['==', '.b', 2]]).permission).toBe('never')
  })

  it('ANL-08: no call of a region without calls is permitted', () => {
    const empty = [
      ['==', '.a', 1],
      ['==', '.a', 2],
    ]
    expect(ask([], empty)).toEqual({ permission: 'never' })
    expect(ask([['==', '.a', 1]], [['==', '.a', 2]])).toEqual({ permission: 'never', refused: { args: { a: 2 } } })
  })

  it('ANL-07 ANL-08: agrees with the reference evaluator about all calls of a small universe', {
    timeout: 120_000,
  }, () => {
    const { numRuns, seed } = shortRuns(1_000)
    let decided = 0
    fc.assert(
      fc.property(policies, policies, (policy, region) => {
        const { permission, permitted, refused } = ask(policy, region)
        if (permission !== 'unknown') decided++
        const truth = (args: unknown) => [region, policy].map((one) => evaluatePolicy(one, args) === true)
        if (permitted) expect(truth(plain(permitted.args))).toEqual([true, true])
        if (refused) expect(truth(plain(refused.args))).toEqual([true, false])
        expect([permitted !== undefined, refused !== undefined]).toEqual(
          {
            always: [true, false],
            sometimes: [true, true],
            never: [false, refused !== undefined],
            unknown: [permitted !== undefined, refused !== undefined],
          }[permission],
        )
        if (permission === 'sometimes' || permission === 'unknown') return
        for (const args of universe) {
          const [isAsked, isPermitted] = truth(args)
          if (isAsked) expect([permission, isPermitted]).toEqual([permission, permission === 'always'])
        }
      }),
      { numRuns, seed },
    )
    expect(decided).toBeGreaterThan(numRuns * 0.95)
  })
})
