/**
 * Maps and the values in them.
 *
 * @module
 */

import { compareKeys, type StepBudget } from '../../ipld/equal.ts'
import { type IpldMap, type IpldValue, isList } from '../../ipld/value.ts'

/** Tells whether a value is a map: an object that is no list, no bytes and no link, so of no class. */
export function isMap(value: IpldValue): value is IpldMap {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** The values of a map in canonical key order: shorter keys first, then bytewise. Each costs a step. */
export function mapValues(map: IpldMap, budget: StepBudget): readonly IpldValue[] {
  const keys = Object.keys(map)
  budget.remaining -= keys.length
  // Decoded keys stand in this order but for the ones that look like numbers, which the host puts first.
  keys.sort(compareKeys)
  return keys.map((key) => map[key] ?? null)
}

/** The elements of a list or the values of a map; undefined for anything else. */
export function elementsOf(value: IpldValue, budget: StepBudget): readonly IpldValue[] | undefined {
  if (isList(value)) return value
  return isMap(value) ? mapValues(value, budget) : undefined
}
