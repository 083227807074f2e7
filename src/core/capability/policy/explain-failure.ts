import { quote } from '../../../support/quote.ts'
import type { IpldValue } from '../../ipld/value.ts'
import type { Evaluation } from './evaluation.ts'
import { objectionOf, type PolicyObjection } from './objection.ts'
import type { PolicyFailure, ReadyPolicy } from './ready-policy.ts'

/** The reason why a policy refuses arguments, for programs and for people. */
export interface ExplainedFailure {
  readonly objection: PolicyObjection
  /** The same in one line. */
  readonly sentence: string
}

/**
 * Explains why a policy refuses arguments.
 *
 * @param failure - of the same policy, for the same arguments.
 * @param evaluation - the one that failed.
 */
export function explainFailure(
  { policy }: ReadyPolicy,
  failure: PolicyFailure,
  args: IpldValue,
  evaluation: Evaluation,
): ExplainedFailure {
  const objection = objectionOf(policy, failure, args, evaluation)
  return { objection, sentence: sentenceOf(objection) }
}

/** One line: the statement, the selector, the required value and the one found. */
export function sentenceOf(objection: PolicyObjection): string {
  const { statement, path, operator, selector, reason, expected, found } = objection
  // People count from one, also inside `and`, `or`, `all` and `any`.
  const place = [statement, ...path].map((index) => index + 1).join('.')
  const where = path.length === 0 ? place : `${place} (inside statement ${statement + 1})`
  if (reason === 'over_budget') return `policy statement ${where} takes more steps than a policy may`
  const what = quote(selector ?? operator)
  const required = expected === undefined ? '' : ` must be ${expected}`
  // Inside `and`, `or`, `all` and `any` a selector may begin at an element.
  const absent =
    path.length === 0 ? `but the call has no ${what}` : `but the value that it is checked on has no ${what}`
  const met = reason === 'unresolved' ? absent : found === undefined ? 'but it is not' : `found ${found}`
  return `policy statement ${where}: ${what}${required}, ${met}`
}
