/**
 * Finds the value that a selector selects.
 *
 * @module
 */

import { type IpldMap, type IpldValue, isBytes, isList, isMap } from '../../ipld/value.ts'
import { mapValues } from './collection.ts'
import type { Evaluation } from './evaluation.ts'
import type { Selector, SelectorSegment } from './selector.ts'

/** The result of a selector whose value is missing. */
export const unresolved: unique symbol = Symbol('unresolved')

/** The type of {@link unresolved}. */
export type Unresolved = typeof unresolved

/** Returns the value selected from `value`, or {@link unresolved}. Never throws. */
export type Resolver = (value: IpldValue, evaluation: Evaluation) => IpldValue | Unresolved

/** Compiles a selector. */
export function compileSelector(selector: Selector): Resolver {
  const steps = selector.map(compileSegment)
  const [first, second] = steps
  if (first === undefined) return (value) => value
  if (second === undefined) return first
  return (value, evaluation) => {
    let current: IpldValue | Unresolved = value
    // SEL-12: from left to right. The first missing value without `?` ends the evaluation.
    for (const step of steps) {
      current = step(current, evaluation)
      if (current === unresolved) return unresolved
    }
    return current
  }
}

/** The value under an own key of a map. */
export function field(value: IpldValue, name: string, evaluation: Evaluation): IpldValue | Unresolved {
  // SEL-07: own keys only. A missing key is unresolved, not `null`.
  if (value === evaluation.bare) {
    const found = (value as IpldMap)[name]
    return found === undefined ? unresolved : found
  }
  if (typeof value !== 'object' || value === null) return unresolved
  const prototype: unknown = Object.getPrototypeOf(value)
  // Decoded maps have no prototype, so every key is an own key.
  if (prototype !== null && (prototype !== Object.prototype || !Object.hasOwn(value, name))) return unresolved
  const found = (value as IpldMap)[name]
  return found === undefined ? unresolved : found
}

function compileSegment(segment: SelectorSegment): Resolver {
  const resolve = compileStep(segment)
  if (!segment.optional) return resolve
  // SEL-11
  return (value, evaluation) => {
    const found = resolve(value, evaluation)
    return found === unresolved ? null : found
  }
}

function compileStep(segment: SelectorSegment): Resolver {
  switch (segment.kind) {
    case 'field': {
      const { name } = segment
      return (value, evaluation) => field(value, name, evaluation)
    }
    case 'index': {
      const { index } = segment
      return (value) => element(value, index)
    }
    case 'slice': {
      const { start, end } = segment
      return (value, evaluation) => slice(value, start, end, evaluation)
    }
    case 'values':
      return collectionValues
  }
}

function element(value: IpldValue, index: number): IpldValue | Unresolved {
  // SEL-08
  if (!isList(value) && !isBytes(value)) return unresolved
  const at = index < 0 ? value.length + index : index
  if (at < 0 || at >= value.length) return unresolved
  return value[at] ?? null
}

function slice(
  value: IpldValue,
  start: number | undefined,
  end: number | undefined,
  evaluation: Evaluation,
): IpldValue | Unresolved {
  // SEL-09
  if (isBytes(value)) return value.subarray(start ?? 0, end)
  if (!isList(value)) return unresolved
  const range = value.slice(start, end)
  evaluation.remaining -= range.length
  return range
}

function collectionValues(value: IpldValue, evaluation: Evaluation): IpldValue | Unresolved {
  // SEL-10
  if (isList(value)) return value
  if (!isMap(value)) return unresolved
  return mapValues(value, evaluation)
}
