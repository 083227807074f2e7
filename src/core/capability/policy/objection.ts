import type { IpldValue } from '../../ipld/value.ts'
import { elementsOf } from './collection.ts'
import {
  beginEvaluation,
  type Evaluation,
  maxSteps,
  overBudget as overBudgetOutcome,
  type StatementOutcome,
  unresolvedOutcome,
  unsatisfied,
} from './evaluation.ts'
import { compileStatement } from './evaluator.ts'
import type { PolicyFailure } from './ready-policy.ts'
import { compileSelector, unresolved } from './resolve.ts'
import { parseSelector } from './selector.ts'
import { showLiteral, showPattern, showSize } from './show.ts'
import type { Operator, Policy, Statement } from './statement.ts'

/** The objection of a policy to the arguments of an invocation. */
export interface PolicyObjection {
  /** Index of the statement in the policy, from 0. */
  readonly statement: number
  /**
   * Path from that statement to the inner statement that decided: the index among the statements of `and` and `or`, the
   * index of the element for `all` and `any`, 0 for `not`. Empty when the statement itself decided.
   */
  readonly path: readonly number[]
  /** Operator of the statement that decided. */
  readonly operator: Operator
  /** Its selector; inside `all` or `any` it begins at the element. */
  readonly selector?: string
  /** The statement is false, is unresolved because a value is missing, or was not evaluated within the budget. */
  readonly reason: 'false' | 'unresolved' | 'over_budget'
  /** The required value, in a few words that follow "must be". */
  readonly expected?: string
  /** The value that was found: numbers and booleans as they are, of strings and bytes only the length. */
  readonly found?: string
}

/** Describes a value in an objection. */
type Show = (value: IpldValue) => string

/**
 * Explains by which part of a policy, and why, the arguments are refused.
 *
 * @param failure - of the same policy, for the same arguments.
 * @param evaluation - the one that failed: the explanation has the rest of its budget.
 */
export function objectionOf(
  policy: Policy,
  failure: PolicyFailure,
  args: IpldValue,
  evaluation: Evaluation,
  show: Show = showSize,
): PolicyObjection {
  const { statement, outcome } = failure
  const refusing = policy[statement] as Statement
  return outcome === overBudgetOutcome
    ? overBudget(refusing, statement)
    : explainOutcome(refusing, statement, args, outcome, evaluation, show)
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

/** Descends to the inner statement that alone determined the outcome, as far as the rest of the budget allows. */
function explainOutcome(
  refusing: Statement,
  index: number,
  args: IpldValue,
  outcome: StatementOutcome,
  evaluation: Evaluation,
  show: Show,
): PolicyObjection {
  const path: number[] = []
  let at: Step = { statement: refusing, value: args, step: 0 }
  for (;;) {
    const next = decisive(at.statement, at.value, outcome, evaluation)
    if (next === undefined) break
    path.push(next.step)
    at = next
  }
  const { statement, value } = at
  // POL-23: the default of `show` hides strings and bytes. `explainPolicy` shows them to somebody who has the
  // arguments.
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

/** The only part that decided, if there is one. When `or` and `any` are false, every part decided. */
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

function hasSelector(statement: Statement): statement is Extract<Statement, readonly [string, string, unknown]> {
  return typeof statement[1] === 'string'
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
      return `different from ${showLiteral(statement[2], 64)}`
    case '<':
    case '<=':
    case '>':
    case '>=':
      return `a number ${statement[0]} ${statement[2]}`
    case 'like':
      return `a string that matches ${showPattern(statement[2])}`
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
    case 'limit/sum':
      return `an amount up to ${statement[2]}`
    default:
      return 'more than 0'
  }
}
