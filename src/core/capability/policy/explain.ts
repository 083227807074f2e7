import { flag, readOptions, withDefault } from '../../../support/options.ts'
import type { IpldValue } from '../../ipld/value.ts'
import { findObjection } from './compile.ts'
import { describeStatement } from './describe.ts'
import { beginEvaluation } from './evaluation.ts'
import { objectionOf, type PolicyObjection } from './objection.ts'
import { parsePolicy } from './parse-policy.ts'
import { readyPolicy } from './ready-policy.ts'
import { showKind, showWhole } from './show.ts'
import type { Policy } from './statement.ts'

/** The outcome of a policy or a statement. Only `true` allows the call. */
export type PolicyOutcome = 'true' | 'false' | 'unresolved' | 'over_budget'

/** The outcome of one statement of a policy, and the reason. */
export interface StatementExplanation {
  /** Index of the statement in the policy, from 0. */
  readonly statement: number
  /** The statement in words, as in `describePolicy`. */
  readonly description: string
  /** The outcome. */
  readonly outcome: PolicyOutcome
  /** The objection to the arguments, when the outcome is not `true`. */
  readonly objection?: PolicyObjection
}

/** The outcome of a policy for some arguments, statement by statement. */
export interface PolicyExplanation {
  /** Whether the policy allows the arguments. */
  readonly allowed: boolean
  /** The outcome of the whole policy: it is an `and` over its statements. */
  readonly outcome: PolicyOutcome
  /** Every statement in order, also those after a false one. */
  readonly statements: readonly StatementExplanation[]
}

/** Options of {@link explainPolicy}. */
export interface ExplainOptions {
  /**
   * Whether to show only the kinds of the values. Default false: numbers, and strings up to 64 characters, are shown as
   * they are. Show such an explanation only to people who may see the arguments.
   */
  readonly redact?: boolean
}

/**
 * Explains the outcome of a policy for some arguments, for people and tests. For decisions, `compilePolicy` is faster
 * and has the same outcome. Each statement has the whole budget of steps.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that the policy breaks.
 * @throws ArgumentError when an option is invalid.
 *
 * @example
 * ```ts
 * import { explainPolicy, lte } from 'procura/policy'
 *
 * const { allowed, statements } = explainPolicy([lte('.cents', 5000)], { cents: 9900 })
 * // false, and statements[0].objection is { expected: 'a number <= 5000', found: '9900', … }
 * ```
 */
export function explainPolicy(policy: Policy, args: IpldValue, options: ExplainOptions = {}): PolicyExplanation {
  const { redact } = readOptions('explainPolicy', options, { redact: withDefault(flag, false) })
  const show = redact ? showKind : showWhole
  const parsed = parsePolicy(policy)
  const statements = parsed.map((statement, index): StatementExplanation => {
    const evaluation = beginEvaluation(args)
    const failure = readyPolicy([statement]).failure(args, evaluation)
    const objection = failure && objectionOf([statement], failure, args, evaluation, show)
    return Object.freeze({
      statement: index,
      description: describeStatement(statement),
      outcome: objection?.reason ?? 'true',
      ...(objection !== undefined && { objection: Object.freeze({ ...objection, statement: index }) }),
    })
  })
  const outcome = findObjection(readyPolicy(parsed), args)?.reason ?? 'true'
  return Object.freeze({ allowed: outcome === 'true', outcome, statements: Object.freeze(statements) })
}
