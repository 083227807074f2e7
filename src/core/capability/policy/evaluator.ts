/**
 * Compiles statements to functions.
 *
 * @module
 */

import { ipldEquals, type StepBudget } from '../../ipld/equal.ts'
import type { IpldValue } from '../../ipld/value.ts'
import { elementsOf } from './collection.ts'
import {
  type Evaluation,
  overBudget,
  type StatementOutcome,
  satisfied,
  unresolvedOutcome,
  unsatisfied,
} from './evaluation.ts'
import { compileGlob, splitGlob } from './glob.ts'
import { placesOf, unitsOf } from './limit.ts'
import { compileSelector, field, unresolved } from './resolve.ts'
import { parseSelector } from './selector.ts'
import type { Statement } from './statement.ts'

/** Evaluates a statement for `value` and subtracts its steps from the budget. Never throws. */
export type Evaluator = (value: IpldValue, evaluation: Evaluation) => StatementOutcome

/** Compiles a statement and the statements inside it. */
export function compileStatement(statement: Statement): Evaluator {
  switch (statement[0]) {
    case '==':
      return compileTest(statement[1], equalTo(statement[2]))
    case '!=': {
      const equals = equalTo(statement[2])
      return compileTest(statement[1], (value, evaluation) => !equals(value, evaluation))
    }
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compileTest(statement[1], compileOrder(statement[0], statement[2]))
    case 'like':
      return compileTest(statement[1], compileLike(statement[2]))
    case 'and':
      return compileAnd(statement[1].map(compileStatement))
    case 'or':
      return compileOr(statement[1].map(compileStatement))
    case 'not':
      return compileNot(compileStatement(statement[1]))
    case 'all':
      return compileQuantifier(statement[1], unsatisfied, compileStatement(statement[2]))
    case 'any':
      return compileQuantifier(statement[1], satisfied, compileStatement(statement[2]))
    case 'limit/sum':
      return compileTest(statement[1], fitsInto(statement[2]))
    default:
      return compileTest('.', () => statement[1] > 0)
  }
}

/**
 * Compiles the comparison with a literal: deep and by value, so `1` equals `1.0` and `-0` equals `0`. Bytes and links
 * are compared by content. A list or map costs a step for each compared value.
 */
function equalTo(literal: IpldValue): (value: IpldValue, budget: StepBudget) => boolean {
  // POL-12
  if (literal === null || typeof literal !== 'object') return (value) => value === literal
  return (value, budget) => ipldEquals(literal, value, budget)
}

/** LMT-05: a limit is also a condition on each call by itself, which no store is asked about. */
function fitsInto(maximum: string): Test {
  const places = placesOf(maximum)
  const most = unitsOf(maximum, places) as number
  return (value) => most > 0 && (unitsOf(value, places) ?? most + 1) <= most
}

/** A test of a selected value. */
type Test = (value: IpldValue, evaluation: Evaluation) => boolean

function compileTest(selectorText: string, test: Test): Evaluator {
  const selector = parseSelector(selectorText)
  const resolve = compileSelector(selector)
  const cost = 1 + selector.length
  // Most selectors are one field. Reading it here saves a function call.
  const only = selector.length === 1 ? selector[0] : undefined
  if (only?.kind === 'field' && !only.optional) {
    const { name } = only
    return (value, evaluation) => {
      evaluation.remaining -= cost
      if (evaluation.remaining < 0) return overBudget
      const found = field(value, name, evaluation)
      if (found === unresolved) return unresolvedOutcome
      return test(found, evaluation) ? satisfied : unsatisfied
    }
  }
  return (value, evaluation) => {
    // POL-22
    evaluation.remaining -= cost
    if (evaluation.remaining < 0) return overBudget
    const found = resolve(value, evaluation)
    // POL-11: a missing value is neither equal nor unequal to a literal.
    if (found === unresolved) return unresolvedOutcome
    return test(found, evaluation) ? satisfied : unsatisfied
  }
}

function compileOrder(operator: '<' | '<=' | '>' | '>=', bound: number): Test {
  // POL-13: a value that is not a number is on neither side of a bound.
  switch (operator) {
    case '<':
      return (value) => typeof value === 'number' && value < bound
    case '<=':
      return (value) => typeof value === 'number' && value <= bound
    case '>':
      return (value) => typeof value === 'number' && value > bound
    case '>=':
      return (value) => typeof value === 'number' && value >= bound
  }
}

function compileLike(pattern: string): Test {
  const matches = compileGlob(pattern)
  // A piece between two stars is searched for, which costs more than a comparison at the two ends.
  const hasInner = splitGlob(pattern)
    .slice(1, -1)
    .some((piece) => piece !== '')
  /** A step for 4 or 16 units of the text, as a shift. */
  const shift = hasInner ? 2 : 4
  return (value, evaluation) => {
    // POL-14
    if (typeof value !== 'string') return false
    evaluation.remaining -= value.length >> shift
    return matches(value)
  }
}

function compileAnd(evaluators: readonly Evaluator[]): Evaluator {
  return (value, evaluation) => {
    if (--evaluation.remaining < 0) return overBudget
    let outcome: StatementOutcome = satisfied
    for (const evaluate of evaluators) {
      const part = evaluate(value, evaluation)
      // POL-15: the first false statement decides, also after an unresolved one.
      if (part === unsatisfied || part === overBudget) return part
      if (part === unresolvedOutcome) outcome = unresolvedOutcome
    }
    return outcome
  }
}

function compileOr(evaluators: readonly Evaluator[]): Evaluator {
  // POL-16: an `or` without statements is true, by the UCAN specification.
  const ofNone: StatementOutcome = evaluators.length === 0 ? satisfied : unsatisfied
  return (value, evaluation) => {
    if (--evaluation.remaining < 0) return overBudget
    let outcome: StatementOutcome = ofNone
    for (const evaluate of evaluators) {
      const part = evaluate(value, evaluation)
      if (part === satisfied || part === overBudget) return part
      if (part === unresolvedOutcome) outcome = unresolvedOutcome
    }
    return outcome
  }
}

function compileNot(evaluate: Evaluator): Evaluator {
  return (value, evaluation) => {
    if (--evaluation.remaining < 0) return overBudget
    const outcome = evaluate(value, evaluation)
    // POL-17: unresolved remains unresolved. A negation must not turn a missing value into a permission.
    if (outcome === unsatisfied) return satisfied
    return outcome === satisfied ? unsatisfied : outcome
  }
}

/** `all` is decided by the first false element, `any` by the first true element. */
function compileQuantifier(
  selectorText: string,
  decisive: typeof unsatisfied | typeof satisfied,
  inner: Evaluator,
): Evaluator {
  const selector = parseSelector(selectorText)
  const resolve = compileSelector(selector)
  const cost = 1 + selector.length
  // POL-18, POL-19: for an empty collection, `all` is true and `any` is false.
  const ofNone: StatementOutcome = decisive === unsatisfied ? satisfied : unsatisfied
  return (value, evaluation) => {
    evaluation.remaining -= cost
    if (evaluation.remaining < 0) return overBudget
    const found = resolve(value, evaluation)
    if (found === unresolved) return unresolvedOutcome
    const elements = elementsOf(found, evaluation)
    // POL-20
    if (elements === undefined) return unsatisfied
    let outcome: StatementOutcome = ofNone
    for (const element of elements) {
      if (--evaluation.remaining < 0) return overBudget
      const part = inner(element, evaluation)
      if (part === decisive || part === overBudget) return part
      if (part === unresolvedOutcome) outcome = unresolvedOutcome
    }
    return outcome
  }
}
