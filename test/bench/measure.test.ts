import { describe, expect, it } from 'vitest'
import type { Taken } from '../../bench/harness/calm.ts'
import { compare } from '../../bench/harness/measure.ts'

const calm = (count: number, value: number): Taken<number>[] => Array(count).fill({ value, isCalm: true })
const disturbed = (count: number, value: number): Taken<number>[] => Array(count).fill({ value, isCalm: false })

describe('turns that stayed disturbed', () => {
  const base = [...calm(15, 10), ...disturbed(60, 20)]

  it('are left out when the rounds without them are enough', () => {
    const [first, second] = compare([base, [...calm(15, 30), ...disturbed(60, 90)]], 0)
    expect(first).toEqual({ median: 10, quartiles: [10, 10], ratio: 1 })
    expect(second).toEqual({ median: 30, quartiles: [30, 30], ratio: 3 })
  })

  it('count for all contenders when one of them has too few others', () => {
    const [first, second, third] = compare(
      [base, [...calm(15, 30), ...disturbed(60, 90)], [...calm(14, 40), ...disturbed(61, 50)]],
      0,
    )
    expect(first?.median).toBe(20)
    expect(second).toMatchObject({ median: 90, ratio: 4.5 })
    expect(third).toMatchObject({ median: 50, ratio: 2.5 })
  })

  it('leave out a round in which the base was disturbed', () => {
    const late = [...disturbed(60, 20), ...calm(15, 10)]
    expect(compare([late, [...calm(60, 30), ...disturbed(15, 90)]], 0)[1]?.ratio).toBe(1.5)
    expect(compare([late, calm(75, 30)], 0)[1]?.ratio).toBe(3)
  })
})
