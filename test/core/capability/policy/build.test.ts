import { describe, expect, it } from 'vitest'
import { integer } from '../../../../src/core/capability/argument-types/basic.ts'
import { email } from '../../../../src/core/capability/argument-types/email.ts'
import { listOf } from '../../../../src/core/capability/argument-types/list-of.ts'
import { defineCommand } from '../../../../src/core/capability/definition.ts'
import {
  and,
  eq,
  every,
  gt,
  gte,
  like,
  lt,
  lte,
  ne,
  not,
  or,
  some,
} from '../../../../src/core/capability/policy/build.ts'
import { compilePolicy } from '../../../../src/core/capability/policy/compile.ts'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import { policyFor } from '../../../../src/core/capability/policy/policy-for.ts'
import { ArgumentError, MalformedError } from '../../../../src/errors.ts'

describe('builders', () => {
  it('write statements in the form of a token', () => {
    const policy = [
      eq('.a', { b: 1 }),
      ne('.a', null),
      lt('.a', 1),
      lte('.a', 1),
      gt('.a', 1),
      gte('.a', 1),
      like('.a', 'x*'),
      and(eq('.a', 1), eq('.b', 1)),
      or(eq('.a', 1)),
      not(eq('.a', 1)),
      every('.a', lt('.', 1)),
      some('.a', lt('.', 1)),
    ]
    expect(policy).toEqual([
      ['==', '.a', { b: 1 }],
      ['!=', '.a', null],
      ['<', '.a', 1],
      ['<=', '.a', 1],
      ['>', '.a', 1],
      ['>=', '.a', 1],
      ['like', '.a', 'x*'],
      [
        'and',
        [
          ['==', '.a', 1],
          ['==', '.b', 1],
        ],
      ],
      ['or', [['==', '.a', 1]]],
      ['not', ['==', '.a', 1]],
      ['all', '.a', ['<', '.', 1]],
      ['any', '.a', ['<', '.', 1]],
    ])
    expect(parsePolicy(policy)).toEqual(policy)
    expect(policy.every(Object.isFrozen)).toBe(true)
  })

  it.each([
    () => eq('a', 1),
    () => eq('.a', undefined as never),
    () => lt('.a', '1' as never),
    () => lt('.a', Number.NaN),
    () => like('.a', 1 as never),
    () => not('x' as never),
    () => every('.a', [] as never),
    () => and(undefined as never),
    () => or(['==', '.a'] as never),
  ])('POL-24 check when they are called: %s', (build) => {
    expect(build).toThrow(ArgumentError)
    try {
      build()
    } catch (error) {
      expect((error as Error).cause).toBeInstanceOf(MalformedError)
    }
  })

  it('explain that a selector must begin with a dot', () => {
    const message = 'the selector `to` is malformed at character 1; a selector begins with a dot'
    expect(() => like('to', '*')).toThrow(message)
    expect(() => policyFor(defineCommand({ command: '/a', args: {} })).like('to' as never, '*')).toThrow(message)
    expect(() => like('.t o', '*')).toThrow(/is malformed at character 3$/)
  })

  it('throw the error of an unreadable value unchanged', () => {
    const failure = new RangeError('not readable')
    const value = {
      get amount(): number {
        throw failure
      },
    }
    let thrown: unknown
    try {
      eq('.a', value)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBe(failure)
  })

  it('build a policy for an argument that may be absent', () => {
    const policy = compilePolicy([or(eq('.lines?', null), lte('.lines?', 10))])
    const allowed = [{}, { lines: 10 }, { lines: 11 }].map((args) => policy.evaluate(args) === undefined)
    expect(allowed).toEqual([true, true, false])
  })

  it('POL-24 do not build an `or` of nothing [attack 49]', () => {
    expect(() => (or as () => unknown)()).toThrow(
      'or: pass at least one statement; an `or` without statements always holds',
    )
  })
})

describe('policyFor', () => {
  const send = defineCommand({ command: '/mail/send', args: { to: listOf(email()), amount: integer() } })
  const is = policyFor(send)

  it('writes the same statements', () => {
    expect(is.lt('.amount', 5)).toEqual(lt('.amount', 5))
    expect(is.lte('.amount', 5)).toEqual(lte('.amount', 5))
    expect(is.gt('.amount', 5)).toEqual(gt('.amount', 5))
    expect(is.gte('.amount', 5)).toEqual(gte('.amount', 5))
    expect(is.eq('.to[0]', 'ann@example.com')).toEqual(eq('.to[0]', 'ann@example.com'))
    expect(is.ne('.to[0]', 'ann@example.com')).toEqual(ne('.to[0]', 'ann@example.com'))
    expect(is.like('.to[-1]', '*x')).toEqual(like('.to[-1]', '*x'))
    expect(is.every('.to', (to) => to.like('.', '*@example.com'))).toEqual(every('.to', like('.', '*@example.com')))
    expect(is.some('.to', (to) => to.eq('.', 'a@b.c'))).toEqual(some('.to', eq('.', 'a@b.c')))
    expect(is.and(is.not(is.or(is.eq('.amount', 1))))).toEqual(and(not(or(eq('.amount', 1)))))
    expect(Object.isFrozen(is)).toBe(true)
  })

  it('checks the first field for callers without types', () => {
    const untyped = is as unknown as Record<'eq' | 'every', (...values: unknown[]) => unknown>
    expect(() => untyped.eq('.nope', 1)).toThrow('command `/mail/send` has no argument `nope`')
    expect(() => untyped.eq('.["toString"]', 1)).toThrow('command `/mail/send` has no argument `toString`')
    expect(() => untyped.eq('nope', 1)).toThrow(ArgumentError)
    expect(untyped.eq('.', {})).toEqual(['==', '.', {}])
  })
})
