import { bytesEqual } from './bytes.ts'
import { type IpldMap, type IpldValue, isBytes, isCid, isList, isMap } from './value.ts'

/** A bound on the work of comparisons and of the policies that use them. */
export interface StepBudget {
  /** The steps that are left. Below zero the work has stopped, and its result is void. */
  remaining: number
}

/**
 * Deep equality of the data model: numbers by value (`1` is `1.0`, `-0` is `0`), bytes bytewise, links by their bytes,
 * lists in order, maps by the set of their keys.
 *
 * @param budget - each pair of compared values takes one step. When `remaining` falls below zero the comparison stops,
 * and the result is void: test `remaining` first.
 */
export function ipldEquals(a: IpldValue, b: IpldValue, budget?: StepBudget): boolean {
  if (budget !== undefined && --budget.remaining < 0) return false
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (isList(a)) return isList(b) && equalLists(a, b, budget)
  if (isBytes(a)) return isBytes(b) && bytesEqual(a, b)
  if (isCid(a)) return isCid(b) && bytesEqual(a.bytes, b.bytes)
  return isMap(a) && isMap(b) && equalMaps(a, b, budget)
}

function equalLists(a: readonly IpldValue[], b: readonly IpldValue[], budget: StepBudget | undefined): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) {
    if (!ipldEquals(a[i] as IpldValue, b[i] as IpldValue, budget)) return false
  }
  return true
}

function equalMaps(a: IpldMap, b: IpldMap, budget: StepBudget | undefined): boolean {
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  for (const key of keys) {
    if (!Object.hasOwn(b, key) || !ipldEquals(a[key] as IpldValue, b[key] as IpldValue, budget)) return false
  }
  return true
}
