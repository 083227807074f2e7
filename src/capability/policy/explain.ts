import type { IpldValue } from '../../ipld/value.ts'
import { describeStatement } from './describe.ts'
import { beginEvaluation } from './evaluation.ts'
import { compileStatement } from './evaluator.ts'
import { findObjection, type PolicyObjection } from './objection.ts'
import { FALSE, type Outcome, OVER_BUDGET, TRUE } from './outcome.ts'
import type { Policy } from './statement.ts'

/** The outcome of a policy or a statement. Only `true` permits. */
export type PolicyOutcome = 'true' | 'false' | 'unresolved' | 'over_budget'

/** How one statement of a policy came out, and why. */
export interface StatementExplanation {
  /** Place of the statement in the policy, from 0. */
  readonly statement: number
  /** What it asks for, in words. */
  readonly description: string
  /** How it came out. */
  readonly outcome: PolicyOutcome
  /** What it has against the arguments, when it is not `true`. */
  readonly objection?: PolicyObjection
}

/** How a policy came out over some arguments, statement by statement. */
export interface PolicyExplanation {
  /** Whether the policy allows the arguments. */
  readonly allowed: boolean
  /** How the policy came out as a whole: as an `and` of its statements. */
  readonly outcome: PolicyOutcome
  /** Every statement in order, also those behind one that is false. */
  readonly statements: readonly StatementExplanation[]
}

/** Options of {@link explainPolicy}. */
export interface ExplainOptions {
  /**
   * Whether only the kinds of the values found are told. Default false: numbers, and text up to 64 characters, are
   * shown as they are, so the explanation is for whoever may see the arguments.
   */
  readonly redact?: boolean
}

/**
 * Explains what a policy says to some arguments. It is for people and tests; to decide, `compilePolicy` is faster and
 * of the same verdict. Each statement has the whole budget.
 */
export function explainPolicy(policy: Policy, args: IpldValue, options: ExplainOptions = {}): PolicyExplanation {
  const detail = options.redact === true ? 'type' : 'full'
  const statements = policy.map((statement, index): StatementExplanation => {
    const evaluator = compileStatement(statement)
    const evaluation = beginEvaluation(args)
    const outcome = evaluator(args, evaluation)
    const over = outcome === OVER_BUDGET || evaluation.remaining < 0
    const told = { statement: index, description: describeStatement(statement), outcome: outcomeName(outcome, over) }
    if (outcome === TRUE && !over) return Object.freeze(told)
    const objection = findObjection([statement], [evaluator], args, detail)
    return Object.freeze({ ...told, objection: Object.freeze({ ...objection, statement: index }) })
  })
  const outcome = overallOutcome(policy, args)
  return Object.freeze({ allowed: outcome === 'true', outcome, statements: Object.freeze(statements) })
}

/** The outcome of the whole policy within one budget. */
export function overallOutcome(policy: Policy, args: IpldValue): PolicyOutcome {
  const evaluators = policy.map(compileStatement)
  const evaluation = beginEvaluation(args)
  const allowed = evaluators.every((evaluator) => evaluator(args, evaluation) === TRUE)
  if (allowed && evaluation.remaining >= 0) return 'true'
  return findObjection(policy, evaluators, args).reason
}

function outcomeName(outcome: Outcome, over: boolean): PolicyOutcome {
  if (over) return 'over_budget'
  if (outcome === TRUE) return 'true'
  return outcome === FALSE ? 'false' : 'unresolved'
}
