/**
 * Conditions on values that are known.
 *
 * @module
 */

import { ipldEquals } from '../../ipld/equal.ts'
import { type IpldValue, isBytes, isList, isMap } from '../../ipld/value.ts'
import { compileGlob } from '../policy/glob.ts'
import { placesOf, unitsOf } from '../policy/limit.ts'
import type { Condition, PathKey, Test } from './condition.ts'
import { type Search, spend, textSteps } from './search.ts'

/** Whether a value satisfies a condition. An opaque condition is noted in the search and counts as satisfied. */
export function conditionHolds(condition: Condition, value: IpldValue, search: Search): boolean {
  switch (condition.kind) {
    case 'each':
      return condition.of.every((part) => conditionHolds(part, value, search))
    case 'either':
      return condition.of.some((part) => conditionHolds(part, value, search))
    case 'opaque':
      search.assumed ??= condition.reason
      return true
    case 'missing':
      return valueAt(value, condition.path) === undefined
    default: {
      const found = valueAt(value, condition.path)
      return found !== undefined && passes(condition.test, found, search)
    }
  }
}

/** Whether a value passes a test. A test that takes more steps than are left gives the search up, and is not passed. */
export function passes(test: Test, value: IpldValue, search: Search): boolean {
  switch (test.kind) {
    case 'present':
      return true
    case 'map':
      return isMap(value)
    case 'equal':
      return isEqual(test.value, value, search) === test.holds && search.remaining >= 0
    case 'order':
      return (typeof value === 'number' && isOrdered(value, test.operator, test.bound)) === test.holds
    case 'like':
      if (typeof value !== 'string') return !test.holds
      return (
        spend(search, textSteps(test.pattern.length + value.length)) && compileGlob(test.pattern)(value) === test.holds
      )
    case 'amount': {
      const places = placesOf(test.maximum)
      const units = unitsOf(value, places)
      return (units !== undefined && units <= (unitsOf(test.maximum, places) as number)) === test.holds
    }
    case 'collection':
      return (elementsIn(value) !== undefined) === test.holds
    case 'every':
      return elementsIn(value)?.every((element) => holdsFor(element, test.condition, search)) ?? false
    case 'some':
      return elementsIn(value)?.some((element) => holdsFor(element, test.condition, search)) ?? false
  }
}

function holdsFor(element: IpldValue, condition: Condition, search: Search): boolean {
  return spend(search, 1) && conditionHolds(condition, element, search)
}

/** Compares values. Only those with parts take steps: `null`, which a `?` selects, takes none. */
function isEqual(one: IpldValue, other: IpldValue, search: Search): boolean {
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return one === other
  const isSame = ipldEquals(one, other, search)
  return spend(search, 0) && isSame
}

function isOrdered(value: number, operator: '<' | '<=' | '>' | '>=', bound: number): boolean {
  switch (operator) {
    case '<':
      return value < bound
    case '<=':
      return value <= bound
    case '>':
      return value > bound
    case '>=':
      return value >= bound
  }
}

function elementsIn(value: IpldValue): readonly IpldValue[] | undefined {
  if (isList(value)) return value
  return isMap(value) ? Object.values(value) : undefined
}

function valueAt(value: IpldValue, path: readonly PathKey[]): IpldValue | undefined {
  let current: IpldValue | undefined = value
  for (const key of path) {
    if (current === undefined) return undefined
    if (typeof key === 'number') current = isList(current) || isBytes(current) ? current[key] : undefined
    else current = isMap(current) && Object.hasOwn(current, key) ? current[key] : undefined
  }
  return current
}
