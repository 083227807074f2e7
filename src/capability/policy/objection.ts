import type { IpldValue } from '../../ipld/value.ts'
import { elementsOf } from './collection.ts'
import {
  beginEvaluation,
  type Evaluation,
  maxSteps,
  type StatementOutcome,
  satisfied,
  unresolvedOutcome,
  unsatisfied,
} from './evaluation.ts'
import { compileStatement, type Evaluator } from './evaluator.ts'
import { compileSelector, unresolved } from './resolve.ts'
import { parseSelector } from './selector.ts'
import { showLiteral, showValue } from './show.ts'
import type { Operator, Policy, Statement } from './statement.ts'

/** What a policy has against the arguments of an invocation. */
export interface PolicyObjection {
  /** Place of the statement in the policy, from 0. */
  readonly statement: number
  /**
   * Way from that statement to the one inside it that decided: the place among the statements of `and` and `or`, the
   * place of the element for `all` and `any`, 0 for `not`. Empty when the statement itself decided.
   */
  readonly path: readonly number[]
  /** Operator of the statement that decided. */
  readonly operator: Operator
  /** Its selector; for a statement under `all` or `any` it begins at the element. */
  readonly selector?: string
  /** Whether it does not hold, cannot be told because a value is missing, or was not reached within the budget. */
  readonly reason: 'false' | 'unresolved' | 'over_budget'
  /** What the statement allows, in a few words. */
  readonly expected?: string
  /** What was found: numbers and booleans as they are, of text and bytes only the length. */
  readonly found?: string
}

/** Says what a value is, for an objection. */
type Show = (value: IpldValue) => string

/**
 * Evaluates a policy within the budget of the evaluation. Of the statements that do not hold the first that is false is
 * named, else the first that is unresolved: the outcome of a policy is the one of an `and` of its statements.
 */
export function findObjection(
  policy: Policy,
  evaluators: readonly Evaluator[],
  args: IpldValue,
  evaluation: Evaluation,
  show: Show = showValue,
): PolicyObjection | undefined {
  let missing = -1
  for (let index = 0; index < evaluators.length; index++) {
    const outcome = (evaluators[index] as Evaluator)(args, evaluation)
    if (evaluation.remaining < 0) return overBudget(policy[index] as Statement, index)
    // POL-10: only "true" permits.
    if (outcome === satisfied) continue
    if (outcome === unsatisfied) return explainOutcome(policy, index, args, outcome, evaluation, show)
    if (missing < 0) missing = index
  }
  return missing < 0 ? undefined : explainOutcome(policy, missing, args, unresolvedOutcome, evaluation, show)
}

function overBudget(statement: Statement, index: number): PolicyObjection {
  return Object.freeze({
    statement: index,
    path: Object.freeze([]),
    operator: statement[0],
    reason: 'over_budget',
    expected: `an answer within ${maxSteps} steps`,
  })
}

/** Goes down to the statement that alone made it come out so, as far as what is left of the budget goes. */
function explainOutcome(
  policy: Policy,
  index: number,
  args: IpldValue,
  outcome: StatementOutcome,
  evaluation: Evaluation,
  show: Show,
): PolicyObjection {
  const path: number[] = []
  let at: Step = { statement: policy[index] as Statement, value: args, step: 0 }
  for (;;) {
    const next = decisive(at.statement, at.value, outcome, evaluation)
    if (next === undefined) break
    path.push(next.step)
    at = next
  }
  const { statement, value } = at
  // POL-23: unless asked for in full, by somebody who explains a policy to whoever holds the arguments.
  const found = foundFor(statement, value, outcome, show)
  return Object.freeze({
    statement: index,
    path: Object.freeze(path),
    operator: statement[0],
    ...(hasSelector(statement) ? { selector: statement[1] } : {}),
    reason: outcome === unsatisfied ? 'false' : 'unresolved',
    expected: expectation(statement),
    ...(found !== undefined && { found }),
  })
}

interface Step {
  readonly statement: Statement
  readonly value: IpldValue
  readonly step: number
}

/** The one part that decided, if it was one: not of `or` and `any`, which are false only when every part is. */
function decisive(
  statement: Statement,
  value: IpldValue,
  outcome: StatementOutcome,
  evaluation: Evaluation,
): Step | undefined {
  const operator = statement[0]
  if (operator === 'not') return outcome === unresolvedOutcome ? { statement: statement[1], value, step: 0 } : undefined
  if (operator === 'and' || operator === 'or') {
    if (operator === 'or' && outcome === unsatisfied && statement[1].length !== 1) return undefined
    const step = statement[1].findIndex((part) => compileStatement(part)(value, evaluation) === outcome)
    const part = statement[1][step]
    return part === undefined ? undefined : { statement: part, value, step }
  }
  if (operator !== 'all' && operator !== 'any') return undefined
  const found = compileSelector(parseSelector(statement[1]))(value, evaluation)
  const elements = found === unresolved ? undefined : elementsOf(found, evaluation)
  if (elements === undefined) return undefined
  if (operator === 'any' && outcome === unsatisfied && elements.length !== 1) return undefined
  const evaluate = compileStatement(statement[2])
  const step = elements.findIndex((element) => evaluate(element, evaluation) === outcome)
  const element = elements[step]
  return element === undefined ? undefined : { statement: statement[2], value: element, step }
}

function hasSelector(statement: Statement): statement is Exclude<Statement, readonly ['and' | 'or' | 'not', unknown]> {
  return statement.length === 3
}

function foundFor(statement: Statement, value: IpldValue, outcome: StatementOutcome, show: Show): string | undefined {
  if (!hasSelector(statement)) return undefined
  if (outcome === unresolvedOutcome) return 'no value'
  const found = compileSelector(parseSelector(statement[1]))(value, beginEvaluation(value))
  return found === unresolved ? 'no value' : show(found)
}

function expectation(statement: Statement): string {
  switch (statement[0]) {
    case '==':
      return `equal to ${showLiteral(statement[2], 64)}`
    case '!=':
      return `other than ${showLiteral(statement[2], 64)}`
    case '<':
    case '<=':
    case '>':
    case '>=':
      return `a number ${statement[0]} ${statement[2]}`
    case 'like':
      return `text like ${showLiteral(statement[2], 64)}`
    case 'and':
      return 'every statement to hold'
    case 'or':
      return 'at least one statement to hold'
    case 'not':
      return 'the statement not to hold'
    case 'all':
      return 'a collection of which every element satisfies the statement'
    case 'any':
      return 'a collection of which at least one element satisfies the statement'
  }
}
