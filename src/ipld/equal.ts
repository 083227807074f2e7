/**
 * When two values are the same, in which order keys stand, and how a value is kept from change.
 *
 * @module
 */

import { bytesEqual } from './bytes.ts'
import { type IpldMap, type IpldValue, isBytes, isCid, isList, isMap } from './value.ts'

/** How many more steps an evaluation may take. Below zero it is over, and no result counts. */
export interface StepBudget {
  /** Steps left. */
  remaining: number
}

/**
 * Deep equality of the data model: numbers by value (`1` is `1.0`, `-0` is `0`), bytes bytewise, links by their bytes,
 * lists in order, maps by the set of their keys.
 *
 * @param budget - each pair of values compared takes one step. When `remaining` falls below zero the comparison stops
 * and the result means nothing: ask `remaining` first.
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

/**
 * The canonical order of map keys: the shorter in UTF-8 first, then bytewise (DAG-CBOR, "Strictness").
 *
 * @returns below zero when `a` stands before `b`
 */
export function compareKeys(a: string, b: string): number {
  const lengths = utf8Length(a) - utf8Length(b)
  if (lengths !== 0) return lengths
  const end = Math.min(a.length, b.length)
  for (let i = 0; i < end; i++) {
    const difference = utf8Rank(a.charCodeAt(i)) - utf8Rank(b.charCodeAt(i))
    if (difference !== 0) return difference
  }
  return 0
}

/**
 * Freezes a value and all that it holds, and gives it back. Bytes cannot be frozen in JavaScript: whoever hands them on
 * hands on a copy.
 */
export function deepFreeze<T extends IpldValue>(value: T): T {
  if (typeof value !== 'object' || value === null || isBytes(value)) return value
  if (!isCid(value)) for (const inner of Object.values<IpldValue>(value as IpldMap)) deepFreeze(inner)
  return Object.freeze(value)
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

/** Length in UTF-8 of well-formed text: a surrogate is half of four bytes. */
function utf8Length(text: string): number {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x80) length += code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 1 : 2
  }
  return length
}

/** Where a code unit stands among the others when the text is in UTF-8: surrogates after the rest. */
function utf8Rank(code: number): number {
  return code >= 0xd800 && code < 0xe000 ? code + 0x10000 : code
}
