import { describe, expect, it } from 'vitest'
import { draftEvent, draftWithEvent, finishRecord } from '../../src/audit/events/draft.ts'
import { beginning } from '../../src/audit/events/record.ts'
import { intent, outcome } from '../audit/events.ts'
import { quickly, sameRecords, sha256, slowly } from './record-differential.ts'
import { shortRuns } from './runs.ts'

describe('records in one pass', { timeout: 120_000 }, () => {
  sameRecords(shortRuns(10_000, 40))

  it.each([
    ['an intent', intent(1), true],
    [
      'an intent with arguments',
      intent(1, { args: { to: 'bob', 'a.b': 1, z: [true, 'x'], deep: { b: 1, aa: 2 } } }),
      true,
    ],
    ['an outcome', outcome(1, 2, { durationMs: 0 }), true],
    ['a lone surrogate', intent(1, { vault: 'a\ud800' }), false],
    ['a quote', intent(1, { vault: 'a"b' }), false],
    ['minus zero', outcome(1, 2, { durationMs: -0 }), false],
    ['an integer that is not safe', outcome(1, 2, { durationMs: 2 ** 60 }), false],
    ['many levels', intent(1, { args: { a: [[[[[[[[1]]]]]]]] } }), false],
    ['`__proto__` in the arguments', intent(1, { args: JSON.parse('{"__proto__":1}') }), false],
    ['`__proto__` as a field', { ...intent(1), ...JSON.parse('{"x":{"__proto__":1}}') }, false],
    ['an array that iterates over less', intent(1, { chain: shortened(['a', 'b', 'c']) }), false],
    ['an array with a hole', intent(1, { chain: new Array(2) }), false],
    [
      '50,000 keys',
      { ...intent(1), x: Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`${-i}`, i])) },
      false,
    ],
  ])('LOG-01 are the same for %s', async (_name, event, isUsual) => {
    let usual = false
    const made = await quickly(beginning, event, () => {
      usual = true
    })
    expect(made).toEqual(await slowly(beginning, event))
    expect(usual).toBe(isUsual)
  })

  it('LOG-01 contain no field of a prototype', async () => {
    const event = outcome(1, 2)
    Object.defineProperty(Object.prototype, 'mode', { value: 'shadow', configurable: true, writable: true })
    try {
      let usual = false
      const made = await quickly(beginning, event, () => {
        usual = true
      })
      expect(made).toEqual(await slowly(beginning, event))
      expect([usual, made[1]?.includes('shadow')]).toEqual([true, false])
    } finally {
      Reflect.deleteProperty(Object.prototype, 'mode')
    }
  })

  it('LOG-01 read each field once: a getter cannot change between the check and the record', async () => {
    let reads = 0
    const vault = (): string => (reads++ === 0 ? 'smtp' : 'a"b')
    const event = Object.defineProperty({ ...intent(1) }, 'vault', { get: vault, enumerable: true })
    for (const draft of [draftEvent, draftWithEvent]) {
      reads = 0
      const { line } = await finishRecord(beginning, await draft(event, { sha256 }), { sha256 })
      expect(line).toContain('"vault":"smtp"')
      expect(reads).toBe(1)
    }
  })
})

function shortened(list: readonly string[]): readonly string[] {
  return Object.assign([...list], { [Symbol.iterator]: () => list.slice(0, 1)[Symbol.iterator]() })
}
