import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import { refusalOf } from '../../../support/refusal.ts'

const refusal = (policy: unknown) => refusalOf(() => parsePolicy(policy))

/** A statement with `levels` levels of `not` around it. */
const nested = (levels: number): unknown => {
  let statement: unknown = ['==', '.a', 1]
  for (let level = 0; level < levels; level++) statement = ['not', statement]
  return statement
}

describe('parsePolicy', () => {
  it('explains that a statement needs a list around it', () => {
    expect(() => parsePolicy(['like', '.to', '*'])).toThrow('a policy must be a list of lists, such as')
  })

  it('gives back an equal policy, frozen in depth', () => {
    const policy = [
      ['==', '.a', { b: [1, new Uint8Array([1])] }],
      [
        'or',
        [
          ['like', '.b', 'x*'],
          ['not', ['any', '.c', ['<', '.', 5]]],
        ],
      ],
    ]
    const parsed = parsePolicy(policy)
    expect(parsed).toEqual(policy)
    const walk = (value: unknown): void => {
      if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
      expect(Object.isFrozen(value)).toBe(true)
      Object.values(value).forEach(walk)
    }
    walk(parsed)
  })

  it('POL-07 does not change when what it was read from does [attack 8]', () => {
    const bytes = new Uint8Array([1])
    const literal = { list: [1], bytes }
    const source: unknown[] = [['==', '.a', literal]]
    const parsed = parsePolicy(source)
    literal.list.push(2)
    bytes[0] = 9
    source.push(['or', []])
    expect(parsed).toEqual([['==', '.a', { list: [1], bytes: new Uint8Array([1]) }]])
  })

  it.each([null, undefined, 5, 'text', {}, { length: 0 }, new Map(), [5], [null], ['=='], [{ 0: '==', length: 3 }]])(
    'POL-01 refuses %j, which is not a list of lists',
    async (policy) => {
      expect(await refusal(policy)).toBe('POL-01')
    },
  )

  it.each([['=', '.a', 1], ['AND', []], ['constructor', '.a', 1], ['__proto__'], ['']])(
    'POL-02 refuses an operator that it does not know: %j',
    async (...statement) => {
      expect(await refusal([statement])).toBe('POL-02 unsupported')
    },
  )

  it.each([[], [5], [null], [['=='], '.a', 1], ['not', []], ['and', [[]]], ['all', '.a', [true]]])(
    'POL-02 refuses an operator that is not a string as malformed: %j',
    async (...statement) => {
      expect(await refusal([statement])).toBe('POL-02')
    },
  )

  it('POL-02 refuses it at every position [attack 48]', async () => {
    const unknown = ['uses', '.a', 5]
    for (const statement of [
      ['not', unknown],
      ['or', [['==', '.a', 1], unknown]],
      ['any', '.a', unknown],
    ]) {
      expect(await refusal([statement])).toBe('POL-02 unsupported')
    }
  })

  it.each<unknown[]>([
    ['==', '.a'],
    ['==', '.a', 1, 2],
    ['==', 5, 1],
    ['<', '.a'],
    ['<', '.a', '1'],
    ['<', '.a', null],
    ['<', '.a', Number.NaN],
    ['<', '.a', Number.POSITIVE_INFINITY],
    ['<', '.a', 1n],
    ['like', '.a', 5],
    ['like', '.a', ['x']],
    ['like', '.a'],
    ['and'],
    ['and', ['==', '.a', 1], ['==', '.a', 1]],
    ['and', { length: 0 }],
    ['or', 'text'],
    ['not'],
    ['not', ['==', '.a', 1], ['==', '.b', 1]],
    ['all', '.a'],
    ['all', ['==', '.', 1]],
    ['any', null, ['==', '.', 1]],
  ])('POL-03 refuses members that are not of the operator', async (...statement) => {
    expect(await refusal([statement])).toBe('POL-03')
  })

  it('POL-04 takes statements 16 deep and no deeper [attack 50]', async () => {
    expect(await refusal([nested(15)])).toBe('accepted')
    expect(await refusal([nested(16)])).toBe('POL-04 too_large')
    expect(await refusal([nested(20_000)])).toBe('POL-04 too_large')
  })

  it('POL-05 takes 256 statements and no more, nested ones counted [attack 50]', async () => {
    const statements = (count: number) => Array.from({ length: count }, () => ['==', '.a', 1])
    expect(await refusal(statements(256))).toBe('accepted')
    expect(await refusal(statements(257))).toBe('POL-05 too_large')
    expect(await refusal([['and', statements(255)]])).toBe('accepted')
    expect(await refusal([['and', statements(256)]])).toBe('POL-05 too_large')
    expect(
      await refusal([
        [
          'and',
          [
            ['or', statements(128)],
            ['or', statements(128)],
          ],
        ],
      ]),
    ).toBe('POL-05 too_large')
    expect(await refusal(new Array(1_000_000_000))).toBe('POL-05 too_large')
  })

  it('POL-06 takes patterns of 65,536 code units and no longer [attack 50]', async () => {
    expect(await refusal([['like', '.a', 'x'.repeat(65_536)]])).toBe('accepted')
    expect(await refusal([['like', '.a', 'x'.repeat(65_537)]])).toBe('POL-06 too_large')
  })

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a big integer', 2n ** 53n],
    ['not a number', Number.NaN],
    ['infinity', Number.NEGATIVE_INFINITY],
    ['a date', new Date(0)],
    ['a map object', new Map()],
    ['an instance of a class', Object.create({ role: 'admin' })],
    ['undefined within', { a: [undefined] }],
    ['a hole', Array(1)],
    ['a key __proto__', JSON.parse('{"__proto__": {"role": "admin"}}')],
  ])('POL-07 refuses a literal that is %s [attack 32, 42]', async (_, literal) => {
    expect(await refusal([['==', '.a', literal]])).toBe('POL-07')
  })

  it('POL-07 refuses a literal that is too deep, too large, or holds itself', async () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    let deep: unknown = 1
    for (let level = 0; level < 33; level++) deep = [deep]
    for (const literal of [cycle, deep, Array(8192).fill(0)]) {
      expect(await refusal([['==', '.a', literal]])).toBe('POL-07 too_large')
    }
  })

  it('POL-07 takes every kind of value', async () => {
    const link = CID.parse('bafyreiejkvsvdq4smz44yuwhfymcuvqzavveoj2at3utujwqlllspsqr6q')
    for (const literal of [null, true, -1.5, 1e300, 'text', new Uint8Array(), link, [], {}, { a: [link] }]) {
      expect(parsePolicy([['==', '.a', literal]])).toEqual([['==', '.a', literal]])
    }
  })

  it('names the requirement of a selector', async () => {
    expect(await refusal([['==', '.a b', 1]])).toBe('SEL-01')
    expect(await refusal([['all', '.a[00]', ['==', '.', 1]]])).toBe('SEL-04')
  })
})
