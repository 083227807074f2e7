/**
 * The four readings of a statement as conditions.
 *
 * @module
 */

import { isWellFormed } from '../argument-types/characters.ts'
import { splitGlob } from '../policy/glob.ts'
import { parseSelector, type SelectorSegment } from '../policy/selector.ts'
import type { Statement } from '../policy/statement.ts'
import { always, at, type Condition, each, either, never, type PathKey, type Test } from './condition.ts'
import { passes } from './condition-holds.ts'
import { beginSearch } from './search.ts'

/** A statement is true, false or unresolved, so "not true" is more than "false". */
export type Reading = 'true' | 'false' | 'not true' | 'not false'

/** The reading of `s` that is a reading of `["not", s]`. */
const negated: Readonly<Record<Reading, Reading>> = {
  true: 'false',
  false: 'true',
  'not true': 'not false',
  'not false': 'not true',
}

/** A test, and the test that exactly the other values pass. */
interface Decision {
  readonly yes: Test
  readonly no: Test
}

/** The condition under which a statement has a reading. */
export function conditionOf(statement: Statement, reading: Reading): Condition {
  // ANL-02
  switch (statement[0]) {
    case 'not':
      return conditionOf(statement[1], negated[reading])
    case 'and':
    case 'or':
      return connective(statement[0], statement[1], reading)
    case 'all':
    case 'any':
      return quantifier(statement[0], statement[1], statement[2], reading)
    case 'limit/uses':
    case 'limit/rate':
    case 'limit/concurrent':
      return (reading === 'true' || reading === 'not false') === statement[1] > 0 ? always : never
    case 'like':
      // Texts of calls are well formed, so patterns are compared by code points. This one has half of one.
      if (!isWellFormed(statement[2])) return opaque(`the pattern for \`${statement[1]}\` is not well-formed Unicode`)
      return comparison(statement[1], decisionOf(statement), reading)
    default:
      return comparison(statement[1], decisionOf(statement), reading)
  }
}

type Comparison = Extract<
  Statement,
  readonly ['==' | '!=' | '<' | '<=' | '>' | '>=' | 'like' | 'limit/sum', ...unknown[]]
>

function decisionOf(statement: Comparison): Decision {
  switch (statement[0]) {
    case '==':
      return both((holds) => ({ kind: 'equal', value: statement[2], holds }))
    case '!=':
      return both((holds) => ({ kind: 'equal', value: statement[2], holds: !holds }))
    case 'like': {
      // A pattern without a star is equality: a value that is not a string is neither.
      const [only = '', ...more] = splitGlob(statement[2])
      if (more.length === 0) return both((holds) => ({ kind: 'equal', value: only, holds }))
      return both((holds) => ({ kind: 'like', pattern: statement[2], holds }))
    }
    case 'limit/sum': {
      const maximum = statement[2]
      // A limit of 0 allows no call, not even with the amount 0.
      if (Number(maximum) === 0) return { yes: { kind: 'some', condition: never }, no: { kind: 'present' } }
      return both((holds) => ({ kind: 'amount', maximum, holds }))
    }
    default: {
      const [operator, , bound] = statement
      return both((holds) => ({ kind: 'order', operator, bound, holds }))
    }
  }
}

function both(test: (holds: boolean) => Test): Decision {
  return { yes: test(true), no: test(false) }
}

function comparison(selector: string, { yes, no }: Decision, reading: Reading): Condition {
  switch (reading) {
    case 'true':
      return selects(selector, yes)
    case 'false':
      return selects(selector, no)
    case 'not true':
      return either([isUnresolved(selector), selects(selector, no)])
    case 'not false':
      return either([isUnresolved(selector), selects(selector, yes)])
  }
}

function connective(operator: 'and' | 'or', parts: readonly Statement[], reading: Reading): Condition {
  // An empty `or` is true, as an empty `and` is.
  const isAnd = operator === 'and' || parts.length === 0
  const isPositive = reading === 'true' || reading === 'not false'
  const conditions = parts.map((part) => conditionOf(part, reading))
  return isAnd === isPositive ? each(conditions) : either(conditions)
}

function quantifier(operator: 'all' | 'any', selector: string, inner: Statement, reading: Reading): Condition {
  const condition = conditionOf(inner, reading)
  const isPositive = reading === 'true' || reading === 'not false'
  const ofElements = selects(selector, { kind: (operator === 'all') === isPositive ? 'every' : 'some', condition })
  const cases = [ofElements]
  if (reading === 'not true' || reading === 'not false') cases.unshift(isUnresolved(selector))
  if (!isPositive) cases.push(selects(selector, { kind: 'collection', holds: false }))
  return either(cases)
}

/** The selector selects a value that passes the test. */
function selects(selector: string, test: Test): Condition {
  const segments = parseSelector(selector)
  const path = pathOf(segments)
  if (path === undefined) return opaque(reasonAbout(selector))
  const firm = firmLength(segments)
  const selected = at(path, test)
  if (firm === segments.length || !passes(test, null, beginSearch(0))) return selected
  const parent: Condition = firm === 0 ? always : at(path.slice(0, firm), { kind: 'present' })
  return either([selected, each([parent, { kind: 'missing', path }])])
}

/** The selector selects nothing, not even `null` by a `?`. */
function isUnresolved(selector: string): Condition {
  const segments = parseSelector(selector)
  const path = pathOf(segments)
  if (path === undefined) return opaque(reasonAbout(selector))
  const firm = firmLength(segments)
  return firm === 0 ? never : { kind: 'missing', path: path.slice(0, firm) }
}

/**
 * The number of segments before those at the end that all have a `?`. A missing value gives `null` only there: after a
 * `?` in the middle, the next segment does not find a value in `null`.
 */
function firmLength(segments: readonly SelectorSegment[]): number {
  let length = segments.length
  while (length > 0 && segments[length - 1]?.optional) length--
  return length
}

/** The keys of a selector, or undefined if one of its segments selects by the end of a list. */
function pathOf(segments: readonly SelectorSegment[]): readonly PathKey[] | undefined {
  const path: PathKey[] = []
  for (const segment of segments) {
    if (segment.kind === 'field') path.push(segment.name)
    else if (segment.kind === 'index' && segment.index >= 0) path.push(segment.index)
    else return undefined
  }
  return path
}

function reasonAbout(selector: string): string {
  return `the selector \`${selector}\` has a negative index, a slice or \`[]\``
}

function opaque(reason: string): Condition {
  return { kind: 'opaque', reason }
}
