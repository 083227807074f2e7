import type { IpldValue } from '../../ipld/value.ts'
import { flag, maybe, readOptions } from '../../support/options.ts'
import { describeStatement } from './describe.ts'
import { beginEvaluation } from './evaluation.ts'
import { compileStatement } from './evaluator.ts'
import { findObjection, type PolicyObjection } from './objection.ts'
import { parsePolicy } from './parse-policy.ts'
import { showKind, showWhole } from './show.ts'
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
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that the policy breaks.
 * @throws ArgumentError when `options` are of another form.
 */
export function explainPolicy(policy: Policy, args: IpldValue, options: ExplainOptions = {}): PolicyExplanation {
  const { redact = false } = readOptions('explainPolicy', options, { redact: maybe(flag) })
  const show = redact ? showKind : showWhole
  const parsed = parsePolicy(policy)
  const evaluators = parsed.map(compileStatement)
  const statements = parsed.map((statement, index): StatementExplanation => {
    const objection = findObjection([statement], evaluators.slice(index, index + 1), args, beginEvaluation(args), show)
    return Object.freeze({
      statement: index,
      description: describeStatement(statement),
      outcome: objection?.reason ?? 'true',
      ...(objection !== undefined && { objection: Object.freeze({ ...objection, statement: index }) }),
    })
  })
  const outcome = findObjection(parsed, evaluators, args, beginEvaluation(args))?.reason ?? 'true'
  return Object.freeze({ allowed: outcome === 'true', outcome, statements: Object.freeze(statements) })
}
