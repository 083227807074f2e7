import { describe, expect, it } from 'vitest'
import type { Measurement } from '../../bench/harness/measure.ts'
import { costsOf, drawCosts } from '../../bench/harness/picture.ts'

const measured = (name: string, median: number, ratio: number): Measurement => ({
  name,
  median,
  quartiles: [median, median],
  ratio,
  operations: 1,
})

describe('the picture of costs', () => {
  const raw = 'one raw verification'
  const own = [measured(raw, 140, 1), measured('cold: nobody met before', 800, 5.7)]
  // The rounds of other libraries, while everything took twice as long.
  const others = [measured(raw, 280, 1), measured('cold: nobody met before', 1_600, 5.8), measured('ucanto', 5_600, 20)]

  it('has other libraries by their ratio to a verification, since their rounds may be disturbed', () => {
    expect(costsOf(own, others)).toEqual({
      'cost of one raw verification': 140,
      'cost of cold: nobody met before': 800,
      'cost of ucanto': 2_800,
    })
  })

  it('shows the times of those that were measured', () => {
    const picture = drawCosts(costsOf(own, others))
    expect([...picture.matchAll(/y="\d+">([\d.]+ [µm]s)<\/text>/gu)].map(([, shown]) => shown)).toEqual([
      '140 µs',
      '800 µs',
      '2.8 ms',
    ])
  })
})
