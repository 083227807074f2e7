import type { IpldValue } from '../../ipld/value.ts'
import { beginEvaluation, type Evaluation } from './evaluation.ts'
import { objectionOf, type PolicyObjection } from './objection.ts'
import { parsePolicy } from './parse-policy.ts'
import { type ReadyPolicy, readyPolicy } from './ready-policy.ts'
import type { Policy } from './statement.ts'

export type { PolicyObjection } from './objection.ts'

/** A policy that is ready to be evaluated many times, also concurrently: it has no state. */
export interface CompiledPolicy {
  /** The policy that was compiled. */
  readonly policy: Policy
  /** Whether it has a limit, which the service has to count as well. */
  readonly hasLimits: boolean
  /**
   * Returns the objection of the policy to these arguments, or undefined when it allows them. Never throws.
   *
   * @param evaluation - begun with the same arguments, when several policies share one budget. Default: a new one.
   */
  evaluate(args: IpldValue, evaluation?: Evaluation): PolicyObjection | undefined
}

/**
 * Parses a policy as `parsePolicy` does and compiles it. Selectors are parsed and patterns split once. No code is
 * generated.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that the policy breaks.
 */
export function compilePolicy(policy: Policy): CompiledPolicy {
  const ready = readyPolicy(parsePolicy(policy))
  return Object.freeze({
    policy: ready.policy,
    hasLimits: ready.hasLimits,
    evaluate: (args: IpldValue, evaluation: Evaluation = beginEvaluation(args)) => {
      const failure = ready.failure(args, evaluation)
      return failure && objectionOf(ready.policy, failure, args, evaluation)
    },
  })
}

/** Returns the objection of a policy to the arguments, or undefined when it allows them. */
export function findObjection(
  ready: ReadyPolicy,
  args: IpldValue,
  evaluation: Evaluation = beginEvaluation(args),
): PolicyObjection | undefined {
  const failure = ready.failure(args, evaluation)
  return failure && objectionOf(ready.policy, failure, args, evaluation)
}
