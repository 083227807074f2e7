/**
 * Conditions on the arguments of a call. They have no negation and two outcomes, so a search satisfies them by parts.
 *
 * @module
 */

import type { IpldValue } from '../../ipld/value.ts'

/** A key of a map, or an index of a list or of bytes. */
export type PathKey = string | number

/** A test of one value. Where a kind has `holds`, the value passes if the named property has that truth. */
export type Test =
  | { readonly kind: 'present' }
  | { readonly kind: 'map' }
  | { readonly kind: 'equal'; readonly value: IpldValue; readonly holds: boolean }
  | {
      readonly kind: 'order'
      readonly operator: '<' | '<=' | '>' | '>='
      readonly bound: number
      readonly holds: boolean
    }
  | { readonly kind: 'like'; readonly pattern: string; readonly holds: boolean }
  /** The value is an amount of at most `maximum`, as `limit/sum` counts it. */
  | { readonly kind: 'amount'; readonly maximum: string; readonly holds: boolean }
  /** The value is a list or a map. */
  | { readonly kind: 'collection'; readonly holds: boolean }
  /** The value is a list or a map, and all of its elements satisfy the condition. */
  | { readonly kind: 'every'; readonly condition: Condition }
  /** The value is a list or a map, and one of its elements satisfies the condition. */
  | { readonly kind: 'some'; readonly condition: Condition }

/** A condition on the value at one place, or on its absence. */
export type PlaceCondition =
  | { readonly kind: 'at'; readonly path: readonly PathKey[]; readonly test: Test }
  | { readonly kind: 'missing'; readonly path: readonly PathKey[] }

/**
 * A condition on a value. An `opaque` one has a meaning that the search does not know: it is assumed to hold, so a
 * search without a result remains a proof, and a result has to be evaluated.
 */
export type Condition =
  | PlaceCondition
  | { readonly kind: 'each'; readonly of: readonly Condition[] }
  | { readonly kind: 'either'; readonly of: readonly Condition[] }
  | { readonly kind: 'opaque'; readonly reason: string }

/** The condition that always holds. */
export const always: Condition = Object.freeze({ kind: 'each', of: [] })

/** The condition that never holds. */
export const never: Condition = Object.freeze({ kind: 'either', of: [] })

/** All conditions hold. */
export function each(conditions: readonly Condition[]): Condition {
  const merged = mergeAbsences(conditions)
  return merged.length === 1 ? (merged[0] as Condition) : { kind: 'each', of: merged }
}

/** At least one condition holds. */
export function either(conditions: readonly Condition[]): Condition {
  return conditions.length === 1 ? (conditions[0] as Condition) : { kind: 'either', of: conditions }
}

/** The value at the path passes the test. */
export function at(path: readonly PathKey[], test: Test): Condition {
  return { kind: 'at', path, test }
}

/** The number of conditions of which this one consists, those on elements of a value aside. */
export function sizeOf(condition: Condition): number {
  if (condition.kind !== 'each' && condition.kind !== 'either') return 1
  return condition.of.reduce((sum, part) => sum + sizeOf(part), 1)
}

/** Moves a condition on an element to the collection that has it under `key`. */
export function under(key: PathKey, condition: Condition): Condition {
  switch (condition.kind) {
    case 'at':
    case 'missing':
      return { ...condition, path: [key, ...condition.path] }
    case 'each':
    case 'either':
      return { kind: condition.kind, of: condition.of.map((part) => under(key, part)) }
    default:
      return condition
  }
}

/**
 * Rewrites "absent or A" and "absent or B" about one place to "absent or both". A refused list of 100 names would
 * otherwise be 100 choices.
 */
function mergeAbsences(conditions: readonly Condition[]): readonly Condition[] {
  const others: Condition[] = []
  const merged = new Map<string, { readonly absence: Condition; readonly rest: Condition[] }>()
  for (const condition of conditions) {
    const [absence, rest, ...more] = condition.kind === 'either' ? condition.of : []
    if (absence?.kind !== 'missing' || rest === undefined || more.length > 0) {
      others.push(condition)
      continue
    }
    const place = JSON.stringify(absence.path)
    const known = merged.get(place)
    if (known === undefined) merged.set(place, { absence, rest: [rest] })
    else known.rest.push(rest)
  }
  for (const { absence, rest } of merged.values()) others.push(either([absence, each(rest)]))
  return others
}

/** Whether a condition contains an opaque one with this reason. */
export function isAssumedIn(condition: Condition, reason: string): boolean {
  switch (condition.kind) {
    case 'each':
    case 'either':
      return condition.of.some((part) => isAssumedIn(part, reason))
    case 'opaque':
      return condition.reason === reason
    case 'missing':
      return false
    default: {
      const { test } = condition
      return (test.kind === 'every' || test.kind === 'some') && isAssumedIn(test.condition, reason)
    }
  }
}
