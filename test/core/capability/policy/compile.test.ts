import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { compilePolicy } from '../../../../src/core/capability/policy/compile.ts'
import { beginEvaluation } from '../../../../src/core/capability/policy/evaluation.ts'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import type { IpldValue } from '../../../../src/core/ipld/value.ts'
import { costOf } from '../../../support/cost.ts'

/** How a policy comes out. */
function outcome(policy: unknown, args: IpldValue): string {
  return compilePolicy(parsePolicy(policy)).evaluate(args)?.reason ?? 'true'
}

const missing = { b: 1 }

describe('compilePolicy', () => {
  it('POL-01 needs every statement, and allows anything without one', () => {
    expect(outcome([], {})).toBe('true')
    expect(
      outcome(
        [
          ['==', '.a', 1],
          ['==', '.b', 2],
        ],
        { a: 1, b: 2 },
      ),
    ).toBe('true')
    expect(
      outcome(
        [
          ['==', '.a', 1],
          ['==', '.b', 2],
        ],
        { a: 1, b: 3 },
      ),
    ).toBe('false')
  })

  it('POL-10 no statement added makes a policy allow more [attack 7]', () => {
    const added = [
      ['or', []],
      ['not', ['==', '.a', 1]],
      ['!=', '.x', 1],
      ['any', '.a', ['or', []]],
      ['==', '.a', 2],
    ]
    for (const statement of added) {
      for (const args of [{}, { a: 1 }, { a: 2 }, { a: [] }]) {
        const alone = outcome([['==', '.a', 2]], args)
        const together = outcome([['==', '.a', 2], statement], args)
        if (alone !== 'true') expect(together).not.toBe('true')
      }
    }
  })

  it.each([
    [['==', '.a', 1]],
    [['!=', '.a', 1]],
    [['<', '.a', 1]],
    [['like', '.a', '*']],
    [['all', '.a', ['or', []]]],
    [['any', '.a', ['or', []]]],
  ])('POL-11 %j is unresolved when its value is missing, and so is its negation [attack 48]', (statement) => {
    expect(outcome([statement], missing)).toBe('unresolved')
    expect(outcome([['not', statement]], missing)).toBe('unresolved')
    expect(outcome([['not', ['not', statement]]], missing)).toBe('unresolved')
  })

  it('POL-12 equality is by value', () => {
    const link = 'bafyreiejkvsvdq4smz44yuwhfymcuvqzavveoj2at3utujwqlllspsqr6q'
    const equal: readonly (readonly [IpldValue, IpldValue])[] = [
      [1, 1.0],
      [0, -0],
      [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
      [CID.parse(link), CID.parse(link)],
      [
        { a: 1, b: [null] },
        { b: [null], a: 1 },
      ],
    ]
    for (const [literal, a] of equal) {
      expect(outcome([['==', '.a', literal]], { a })).toBe('true')
      expect(outcome([['!=', '.a', literal]], { a })).toBe('false')
    }
    const unequal: readonly (readonly [IpldValue, IpldValue])[] = [
      [1, '1'],
      [0, false],
      [null, 0],
      [[], {}],
      [[1], new Uint8Array([1])],
      [link, CID.parse(link)],
      [{ a: 1 }, { a: 1, b: 1 }],
      [{ a: null }, { b: null }],
      [{}, CID.parse(link)],
    ]
    for (const [literal, a] of unequal) {
      expect(outcome([['==', '.a', literal]], { a })).toBe('false')
      expect(outcome([['!=', '.a', literal]], { a })).toBe('true')
    }
  })

  it.each(['<', '<=', '>', '>='])('POL-13 %s is false for a value that is not a number', (operator) => {
    for (const a of ['1', null, true, [1], {}, new Uint8Array([1])]) {
      expect(outcome([[operator, '.a', 0]], { a })).toBe('false')
    }
  })

  it('POL-13 compares numbers, whole or not', () => {
    const over = (operator: string, a: number) => outcome([[operator, '.a', 1]], { a })
    expect([0.5, 1, 1.5].map((a) => over('<', a))).toEqual(['true', 'false', 'false'])
    expect([0.5, 1, 1.5].map((a) => over('<=', a))).toEqual(['true', 'true', 'false'])
    expect([0.5, 1, 1.5].map((a) => over('>', a))).toEqual(['false', 'false', 'true'])
    expect([0.5, 1, 1.5].map((a) => over('>=', a))).toEqual(['false', 'true', 'true'])
  })

  it('POL-14 like is false for a value that is not a string', () => {
    for (const a of [1, null, ['x'], { x: 1 }, new Uint8Array([120])]) {
      expect(outcome([['like', '.a', '*']], { a })).toBe('false')
    }
  })

  /** Statements that are true, false and unresolved over any arguments. */
  const parts = { true: ['and', []], false: ['not', ['and', []]], unresolved: ['==', '.nowhere', 1] } as const
  const table = (operator: string) =>
    Object.values(parts).map((a) => Object.values(parts).map((b) => outcome([[operator, [a, b]]], {})))

  it('POL-15 and', () => {
    expect(table('and')).toEqual([
      ['true', 'false', 'unresolved'],
      ['false', 'false', 'false'],
      ['unresolved', 'false', 'unresolved'],
    ])
    expect(outcome([['and', []]], {})).toBe('true')
  })

  it('POL-16 or, of nothing true [attack 49]', () => {
    expect(table('or')).toEqual([
      ['true', 'true', 'true'],
      ['true', 'false', 'unresolved'],
      ['true', 'unresolved', 'unresolved'],
    ])
    expect(outcome([['or', []]], {})).toBe('true')
  })

  it('POL-17 not', () => {
    expect(Object.values(parts).map((part) => outcome([['not', part]], {}))).toEqual(['false', 'true', 'unresolved'])
  })

  const element = { true: 1, false: 0, unresolved: [] }
  const quantified = (operator: string, ...names: readonly (keyof typeof element)[]) =>
    outcome([[operator, '.a', ['==', '.v', 1]]], {
      a: names.map((name) => (name === 'unresolved' ? {} : { v: element[name] })),
    })

  it('POL-18 all is the and of its elements, over nothing true', () => {
    expect(quantified('all')).toBe('true')
    expect(quantified('all', 'true', 'true')).toBe('true')
    expect(quantified('all', 'true', 'false')).toBe('false')
    expect(quantified('all', 'unresolved', 'true')).toBe('unresolved')
    expect(quantified('all', 'unresolved', 'false')).toBe('false')
  })

  it('POL-19 any is the or of its elements, over nothing false [attack 49]', () => {
    expect(quantified('any')).toBe('false')
    expect(quantified('any', 'false', 'true')).toBe('true')
    expect(quantified('any', 'false', 'false')).toBe('false')
    expect(quantified('any', 'unresolved', 'false')).toBe('unresolved')
    expect(quantified('any', 'unresolved', 'true')).toBe('true')
    expect(outcome([['any', '.a', ['==', '.', 1]]], { a: {} })).toBe('false')
  })

  it.each(['all', 'any'])('POL-20 %s is false for a value that is neither a list nor a map', (operator) => {
    for (const a of ['text', 5, null, true, new Uint8Array([1])]) {
      expect(outcome([[operator, '.a', ['or', []]]], { a })).toBe('false')
      expect(outcome([['not', [operator, '.a', ['or', []]]]], { a })).toBe('true')
    }
  })

  it('POL-22 stops after 100,000 steps, and the result is then neither true nor false [attack 50]', () => {
    const many = Array.from({ length: 200 }, () => ['==', '.', 'x'])
    const costly = ['all', '.a', ['and', many]]
    const args = { a: Array(500).fill('x'), b: 1 }
    expect(outcome([costly], args)).toBe('over_budget')
    expect(outcome([['not', costly]], args)).toBe('over_budget')
    expect(outcome([['or', [costly, ['or', []]]]], args)).toBe('over_budget')
    expect(outcome([['==', '.b', 1], costly], args)).toBe('over_budget')
    expect(outcome([['==', '.b', 2], costly], args)).toBe('false')
    expect(outcome([costly], { a: Array(400).fill('x') })).toBe('true')
  })

  it('POL-22 counts the elements of nested quantifiers, text under like, and values compared [attack 50]', () => {
    const list = Array(8000).fill(0)
    const statements = (statement: unknown) => Array.from({ length: 14 }, () => statement)
    expect(outcome(statements(['all', '.a', ['==', '.', 0]]), { a: list })).toBe('over_budget')
    expect(outcome(statements(['==', '.a', list]), { a: list })).toBe('over_budget')
    expect(outcome(statements(['!=', '.a[0:]', 1]), { a: list })).toBe('over_budget')
    expect(outcome(statements(['!=', '.a[]', 1]), { a: Object.fromEntries(list.entries()) })).toBe('over_budget')
    const text = 'x'.repeat(65_536)
    expect(
      outcome(
        Array.from({ length: 25 }, () => ['like', '.a', '*x']),
        { a: text },
      ),
    ).toBe('over_budget')
    expect(
      outcome(
        Array.from({ length: 24 }, () => ['like', '.a', '*x']),
        { a: text },
      ),
    ).toBe('true')
  })

  it.each<[unknown, IpldValue, number]>([
    [['==', '.a', 1], { a: 1 }, 2],
    [['!=', '.a.b[0]', 1], { a: { b: [2] } }, 4],
    [['!=', '.a[0:2]', 1], { a: [2, 3] }, 5],
    [['like', '.a', 'x*'], { a: 'x'.repeat(32) }, 4],
    [['like', '.a', '*x*'], { a: 'x'.repeat(8) }, 4],
    [['and', [['==', '.a', 1]]], { a: 1 }, 3],
    [['or', []], {}, 1],
    [['not', ['==', '.a', 2]], { a: 1 }, 3],
    [['all', '.a', ['==', '.', 0]], { a: [] }, 2],
    [['all', '.a', ['==', '.', 0]], { a: [0, 0] }, 6],
    [['any', '.a', ['==', '.', 0]], { a: { x: 0 } }, 5],
  ])('POL-22 %j over %j takes %i steps, and not one less', (statement, args, steps) => {
    const policy = compilePolicy(parsePolicy([statement]))
    const enough = { ...beginEvaluation(args), remaining: steps }
    expect(policy.evaluate(args, enough)).toBeUndefined()
    expect(enough.remaining).toBe(0)
    expect(policy.evaluate(args, { ...enough, remaining: steps - 1 })?.reason).toBe('over_budget')
  })

  it('POL-22 ends in time for the dearest policy that fits into a token [attack 50, 93]', () => {
    const text = 'ab'.repeat(32_000)
    const piece = 'ab'.repeat(120)
    const policy = Array.from({ length: 256 }, () => ['like', '.a', `*${piece}c*`])
    const cost = costOf(() => {
      expect(outcome(policy, { a: text })).toBe('false')
      expect(outcome([['or', policy.slice(1)]], { a: text })).toBe('over_budget')
    })
    expect(cost).toBeLessThan(100)
  })

  it('POL-22 puts the keys of a map in order once, however many statements ask for its values [attack 50, 93]', () => {
    const long = 'k'.repeat(2_000)
    const map = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`${long}${index + 10}`, index]))
    const policy = Array.from({ length: 250 }, () => ['!=', '.a[]', 0])
    expect(costOf(() => expect(outcome(policy, { a: map })).toBe('true'))).toBeLessThan(20)
    expect(outcome([['==', '.a[]', [2, 1, 3]]], { a: { b: 1, 10: 3, 9: 2 } })).toBe('true')
    expect(
      outcome(
        [
          ['==', '.a[]', [2]],
          ['==', '.b[]', [3]],
        ],
        { a: { x: 2 }, b: { x: 3 } },
      ),
    ).toBe('true')
  })

  it('is the same for every call: a compiled policy holds no state', () => {
    const compiled = compilePolicy(
      parsePolicy([
        ['<', '.amount', 100],
        ['like', '.to', '*@example.com'],
      ]),
    )
    for (let round = 0; round < 3; round++) {
      expect(compiled.evaluate({ amount: 5, to: 'ann@example.com' })).toBeUndefined()
      expect(compiled.evaluate({ amount: 500, to: 'ann@example.com' })?.statement).toBe(0)
      expect(compiled.evaluate({ amount: 5, to: 'ann@example.org' })?.statement).toBe(1)
    }
    expect(Object.isFrozen(compiled)).toBe(true)
  })
})

describe('selectors over arguments', () => {
  const inherited = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__proto__', '__defineGetter__']

  it.each(inherited)('SEL-07 does not find the inherited key %s [attack 42]', (name) => {
    for (const args of [{}, Object.create(null), { a: 1 }]) {
      expect(outcome([['!=', `.${name}`, 1]], args)).toBe('unresolved')
      expect(outcome([['!=', `.["${name}"]`, 1]], args)).toBe('unresolved')
      expect(outcome([['!=', `.a.${name}`, 1]], { a: {} })).toBe('unresolved')
    }
    expect(outcome([['!=', '.role', 'admin']], Object.create({ role: 'user' }))).toBe('unresolved')
  })

  it.each(inherited.filter((name) => name !== '__proto__'))('SEL-07 finds the own key %s', (name) => {
    expect(outcome([['==', `.${name}`, 1]], { [name]: 1 })).toBe('true')
    expect(outcome([['==', `.${name}`, 1]], Object.assign(Object.create(null), { [name]: 1 }))).toBe('true')
  })

  it.each([[[1, 2]], ['text'], [new Uint8Array(2)], [5], [null]])('SEL-07 finds no key on %j', (a) => {
    for (const name of ['length', '0', 'byteLength', 'buffer', 'toFixed']) {
      expect(outcome([['!=', `.a["${name}"]`, null]], { a })).toBe('unresolved')
    }
  })

  it('SEL-07 finds no key on a link', () => {
    const a = CID.parse('bafyreiejkvsvdq4smz44yuwhfymcuvqzavveoj2at3utujwqlllspsqr6q')
    for (const name of ['version', 'code', 'bytes', '/']) {
      expect(outcome([['!=', `.a["${name}"]`, null]], { a })).toBe('unresolved')
    }
  })

  it('SEL-08 indexes lists and bytes, from both ends', () => {
    const at = (index: number, a: IpldValue) => outcome([['==', `.a[${index}]`, 7]], { a })
    expect([at(0, [7]), at(-1, [7]), at(1, [0, 7]), at(-2, [7, 0])]).toEqual(Array(4).fill('true'))
    expect([at(1, [7]), at(-2, [7]), at(0, []), at(0, {}), at(0, '7')]).toEqual(Array(5).fill('unresolved'))
    expect([at(0, new Uint8Array([7])), at(-1, new Uint8Array([1, 7]))]).toEqual(['true', 'true'])
    expect(at(2, new Uint8Array([1, 7]))).toBe('unresolved')
    expect(outcome([['==', '.a[0]', null]], { a: [null] })).toBe('true')
  })

  it('SEL-09 slices lists and bytes, with bounds clamped', () => {
    const slice = (bounds: string, result: IpldValue) => outcome([['==', `.a[${bounds}]`, result]], { a: [0, 1, 2, 3] })
    const cases: readonly (readonly [string, IpldValue])[] = [
      ['1:3', [1, 2]],
      ['2:', [2, 3]],
      [':2', [0, 1]],
      ['0:-2', [0, 1]],
      ['-2:', [2, 3]],
      ['3:1', []],
      ['9:', []],
      ['-9:1', [0]],
      [':9', [0, 1, 2, 3]],
    ]
    for (const [bounds, result] of cases) expect(slice(bounds, result), bounds).toBe('true')
    const bytes = new Uint8Array([1, 2, 3])
    expect(outcome([['==', '.a[1:]', new Uint8Array([2, 3])]], { a: bytes })).toBe('true')
    for (const a of ['text', {}, 5, null]) expect(outcome([['!=', '.a[0:1]', 1]], { a })).toBe('unresolved')
  })

  it('SEL-10 takes the values of a map in canonical key order', () => {
    const values = (a: IpldValue, result: IpldValue) => outcome([['==', '.a[]', result]], { a })
    expect(values({ b: 1, c: 2, aa: 3 }, [1, 2, 3])).toBe('true')
    expect(values({ aa: 3, c: 2, b: 1 }, [1, 2, 3])).toBe('true')
    expect(values({ 10: 3, 9: 1, a: 2 }, [1, 2, 3])).toBe('true')
    expect(values({ é: 2, zz: 1, z: 0 }, [0, 1, 2])).toBe('true')
    expect(values([2, 1], [2, 1])).toBe('true')
    for (const a of ['text', new Uint8Array([1]), 5, null]) expect(values(a, [])).toBe('unresolved')
  })

  it('SEL-11 a question mark turns a failed selection into null', () => {
    for (const selector of ['.x?', '.a[5]?', '.a[0:1]?.x?', '.x?[]?', '.b[0]?', '.x?.y?.z?']) {
      expect(outcome([['==', selector, null]], { a: [1], b: 'text' }), selector).toBe('true')
    }
    expect(outcome([['==', '.a?', 1]], { a: 1 })).toBe('true')
  })

  it('SEL-12 a later question mark does not help', () => {
    for (const selector of ['.x.y?', '.a[5].x?', '.x[0]?', '.x?.y']) {
      expect(outcome([['!=', selector, 1]], { a: [1] }), selector).toBe('unresolved')
    }
  })
})
