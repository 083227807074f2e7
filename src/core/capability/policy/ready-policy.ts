import type { IpldValue } from '../../ipld/value.ts'
import {
  beginEvaluation,
  type Evaluation,
  overBudget,
  type StatementOutcome,
  satisfied,
  unresolvedOutcome,
  unsatisfied,
} from './evaluation.ts'
import { compileStatement, type Evaluator } from './evaluator.ts'
import { isLimit } from './limit.ts'
import type { Policy } from './statement.ts'

/** A policy that is ready to be evaluated many times, also concurrently: it has no state that a caller can see. */
export interface ReadyPolicy {
  readonly policy: Policy
  /** Whether it has a limit, which the service has to count as well. */
  readonly hasLimits: boolean
  /**
   * Returns the statement by which the policy refuses these arguments, or undefined when it allows them. Never throws.
   *
   * @param evaluation - begun with the same arguments, when several policies share one budget. Default: a new one.
   */
  failure(args: IpldValue, evaluation?: Evaluation): PolicyFailure | undefined
}

/** A statement of a policy that refuses the arguments. `objectionOf` explains it. */
export interface PolicyFailure {
  /** Index of the statement in the policy, from 0. */
  readonly statement: number
  /** Not {@link satisfied}. */
  readonly outcome: StatementOutcome
}

/**
 * Makes a policy ready that `parsePolicy` returned. It is compiled at its first evaluation, because most policies of
 * unverified tokens are never evaluated.
 */
export function readyPolicy(policy: Policy): ReadyPolicy {
  let evaluators: readonly Evaluator[] | undefined
  return Object.freeze({
    policy,
    hasLimits: policy.some(isLimit),
    // Evaluates within the budget. Reports the first false statement, or else the first unresolved one: a policy has
    // the outcome of an `and` over its statements.
    failure: (args: IpldValue, evaluation: Evaluation = beginEvaluation(args)): PolicyFailure | undefined => {
      evaluators ??= policy.map(compileStatement)
      const parts = evaluators
      let missing: PolicyFailure | undefined
      for (let statement = 0; statement < parts.length; statement++) {
        const outcome = (parts[statement] as Evaluator)(args, evaluation)
        if (evaluation.remaining < 0) return { statement, outcome: overBudget }
        // POL-10: only the outcome "true" allows the call.
        if (outcome === satisfied) continue
        if (outcome === unsatisfied) return { statement, outcome: unsatisfied }
        missing ??= { statement, outcome: unresolvedOutcome }
      }
      return missing
    },
  })
}
