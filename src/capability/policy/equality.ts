import { ipldEquals, type StepBudget } from '../../ipld/equal.ts'
import type { IpldValue } from '../../ipld/value.ts'

/**
 * Compiles equality with a literal: deep and by value, so `1` equals `1.0`, `-0` equals `0`, bytes and links compare
 * by content. A list or map costs a step for each value compared.
 */
export function equalTo(literal: IpldValue): (value: IpldValue, budget: StepBudget) => boolean {
  // POL-12
  if (literal === null || typeof literal !== 'object') return (value) => value === literal
  return (value, budget) => ipldEquals(literal, value, budget)
}
