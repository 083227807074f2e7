/**
 * The sets of values that simple statements about one selector allow, and comparisons between them.
 *
 * @module
 */

import { ipldEquals } from '../../ipld/equal.ts'
import type { IpldValue } from '../../ipld/value.ts'
import { compileGlob, type GlobMatcher, splitGlob } from './glob.ts'
import { printSelector } from './print-selector.ts'
import { parseSelector } from './selector.ts'
import type { Statement } from './statement.ts'

/** A simple condition: equal to a value, different from it, on one side of a bound, or matching a pattern. */
export type Condition =
  | { readonly kind: 'value'; readonly value: IpldValue }
  | { readonly kind: 'except'; readonly value: IpldValue }
  | { readonly kind: 'below'; readonly bound: number; readonly inclusive: boolean }
  | { readonly kind: 'above'; readonly bound: number; readonly inclusive: boolean }
  | PatternCondition

/** A pattern, split and compiled once because it is compared with many others. */
interface PatternCondition {
  readonly kind: 'pattern'
  readonly pieces: readonly string[]
  readonly matches: GlobMatcher
  /** A character that the pattern does not contain. */
  readonly unused: string
}

/**
 * The values that a statement allows at one place: those that satisfy at least one of the conditions. For `all`, the
 * values that each element may have; an empty collection is allowed as well.
 */
export interface ValueSet {
  /** The place: the selector in its shortest form, with the `all` statements around it. */
  readonly place: string
  /** The conditions; one of them must hold. */
  readonly conditions: readonly Condition[]
  /** Whether there is an `all` around it. */
  readonly ofElements: boolean
}

/**
 * The set of a statement about one place: a comparison, a pattern, an `or` of these over one selector, or an `all` of
 * one of them. Undefined for any other statement, which is not compared.
 */
export function valueSetOf(statement: Statement): ValueSet | undefined {
  switch (statement[0]) {
    case '==':
      return at(statement[1], { kind: 'value', value: statement[2] })
    case '!=':
      return at(statement[1], { kind: 'except', value: statement[2] })
    case '<':
    case '<=':
      return at(statement[1], { kind: 'below', bound: statement[2], inclusive: statement[0] === '<=' })
    case '>':
    case '>=':
      return at(statement[1], { kind: 'above', bound: statement[2], inclusive: statement[0] === '>=' })
    case 'like': {
      const pieces = splitGlob(statement[2])
      const [only = '', ...more] = pieces
      if (more.length === 0) return at(statement[1], { kind: 'value', value: only })
      const matches = compileGlob(statement[2])
      return at(statement[1], { kind: 'pattern', pieces, matches, unused: unusedCharacter(statement[2]) })
    }
    case 'or':
      return unionOf(statement[1].map(valueSetOf))
    case 'all': {
      const inner = valueSetOf(statement[2])
      if (inner === undefined) return undefined
      const place = `every ${shortest(statement[1])} ${inner.place}`
      return { place, conditions: inner.conditions, ofElements: true }
    }
    default:
      return undefined
  }
}

/** Whether `outer` certainly contains every value of `inner`. */
export function contains(outer: ValueSet, inner: ValueSet): boolean {
  return inner.conditions.every((narrow) => outer.conditions.some((wide) => covers(wide, narrow)))
}

/** Whether certainly no value is in both. For elements: no element is, and only an empty list satisfies both. */
export function areDisjoint(a: ValueSet, b: ValueSet): boolean {
  return a.conditions.every((one) => b.conditions.every((other) => excludes(one, other)))
}

/** Whether `inner` names a single value that `outer` certainly does not allow. */
export function namesStray(outer: ValueSet, inner: ValueSet): boolean {
  return inner.conditions.some((condition) => condition.kind === 'value' && !isMember(outer, condition.value))
}

/** Whether `inner` allows a value that `outer` does not, among samples at which their conditions change. */
export function reachesBeyond(outer: ValueSet, inner: ValueSet): boolean {
  const samples = [...outer.conditions, ...inner.conditions].flatMap(samplesOf)
  return samples.some((value) => isMember(inner, value) && !isMember(outer, value))
}

function isMember(set: ValueSet, value: IpldValue): boolean {
  return set.conditions.some((condition) => allows(condition, value))
}

/** Values at which a condition begins or ceases to hold, and some on each side. */
function samplesOf(condition: Condition): readonly IpldValue[] {
  switch (condition.kind) {
    case 'value':
    case 'except':
      return [condition.value, null, true, '', unusedCharacter('')]
    case 'below':
    case 'above': {
      const { bound } = condition
      const step = Math.max(1, Math.abs(bound)) * 2 ** -40
      return [bound, bound - step, bound + step, bound - 1, bound + 1]
    }
    case 'pattern':
      return [condition.pieces.join(''), condition.pieces.join(condition.unused)]
  }
}

/** A character that the pattern does not contain. */
function unusedCharacter(pattern: string): string {
  // A set, because a pattern can contain thousands of the characters that are tried.
  const used = new Set<number>()
  for (let at = 0; at < pattern.length; at++) used.add(pattern.charCodeAt(at))
  let code = 0xe000
  while (used.has(code & 0xffff)) code++
  return String.fromCharCode(code)
}

function at(selector: string, condition: Condition): ValueSet {
  return { place: shortest(selector), conditions: [condition], ofElements: false }
}

function shortest(selector: string): string {
  return printSelector(parseSelector(selector))
}

function unionOf(sets: readonly (ValueSet | undefined)[]): ValueSet | undefined {
  const [first] = sets
  if (first === undefined) return undefined
  const { place, ofElements } = first
  const conditions: Condition[] = []
  for (const set of sets) {
    if (set === undefined || set.place !== place) return undefined
    conditions.push(...set.conditions)
  }
  // An `or` of two `all` statements is not an `all` of two alternatives.
  return ofElements && sets.length > 1 ? undefined : { place, conditions, ofElements }
}

/** Whether every value that satisfies `narrow` certainly satisfies `wide`. */
function covers(wide: Condition, narrow: Condition): boolean {
  if (narrow.kind === 'value') return allows(wide, narrow.value)
  if (wide.kind === 'except') {
    return narrow.kind === 'except' ? ipldEquals(wide.value, narrow.value) : !allows(narrow, wide.value)
  }
  if (wide.kind === 'pattern') return narrow.kind === 'pattern' && patternCovers(wide, narrow)
  if (wide.kind === 'below' && narrow.kind === 'below') {
    return narrow.bound < wide.bound || (narrow.bound === wide.bound && (wide.inclusive || !narrow.inclusive))
  }
  if (wide.kind === 'above' && narrow.kind === 'above') {
    return narrow.bound > wide.bound || (narrow.bound === wide.bound && (wide.inclusive || !narrow.inclusive))
  }
  return false
}

/** Whether certainly no value satisfies both. */
function excludes(one: Condition, other: Condition): boolean {
  if (one.kind === 'value') return !allows(other, one.value)
  if (other.kind === 'value') return !allows(one, other.value)
  if (one.kind === 'except' || other.kind === 'except') return false
  if (one.kind === 'pattern' && other.kind === 'pattern') return excludeEachOther(one, other)
  if (one.kind === 'pattern' || other.kind === 'pattern') return true
  if (one.kind === other.kind) return false
  const [below, above] = one.kind === 'below' ? [one, other] : [other, one]
  return below.bound < above.bound || (below.bound === above.bound && !(below.inclusive && above.inclusive))
}

function allows(condition: Condition, value: IpldValue): boolean {
  switch (condition.kind) {
    case 'value':
      return ipldEquals(condition.value, value)
    case 'except':
      return !ipldEquals(condition.value, value)
    case 'below':
      if (typeof value !== 'number') return false
      return value < condition.bound || (condition.inclusive && value === condition.bound)
    case 'above':
      if (typeof value !== 'number') return false
      return value > condition.bound || (condition.inclusive && value === condition.bound)
    case 'pattern':
      return typeof value === 'string' && condition.matches(value)
  }
}

/**
 * Whether every text that matches `narrow` also matches `wide`. This is so if and only if `wide` matches the text of
 * `narrow` in which each star is replaced by a character that `wide` does not contain: only a star of `wide` matches
 * it.
 */
function patternCovers(wide: PatternCondition, narrow: PatternCondition): boolean {
  return wide.matches(narrow.pieces.join(wide.unused))
}

/** Whether no text can begin, or end, as both patterns require. */
function excludeEachOther(one: PatternCondition, other: PatternCondition): boolean {
  const [head, otherHead] = [one.pieces[0] ?? '', other.pieces[0] ?? '']
  const [tail, otherTail] = [one.pieces.at(-1) ?? '', other.pieces.at(-1) ?? '']
  if (!head.startsWith(otherHead) && !otherHead.startsWith(head)) return true
  return !tail.endsWith(otherTail) && !otherTail.endsWith(tail)
}
