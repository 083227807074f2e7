import type { IpldValue } from '../../ipld/value.ts'
import { beginEvaluation, type Evaluation } from './evaluation.ts'
import { compileStatement, type Evaluator } from './evaluator.ts'
import { isLimit } from './limit.ts'
import { findObjection, type PolicyObjection } from './objection.ts'
import { parsePolicy } from './parse-policy.ts'
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
  const parsed = parsePolicy(policy)
  const evaluators = parsed.map(compileStatement)
  return compiled(parsed, () => evaluators)
}

/**
 * Like {@link compilePolicy}, for a policy that `parsePolicy` returned. It is compiled at its first evaluation, because
 * most policies of unverified tokens are never evaluated.
 */
export function compileParsed(policy: Policy): CompiledPolicy {
  let evaluators: readonly Evaluator[] | undefined
  return compiled(policy, () => {
    evaluators ??= policy.map(compileStatement)
    return evaluators
  })
}

function compiled(policy: Policy, evaluators: () => readonly Evaluator[]): CompiledPolicy {
  return Object.freeze({
    policy,
    hasLimits: policy.some(isLimit),
    evaluate: (args: IpldValue, evaluation: Evaluation = beginEvaluation(args)) =>
      findObjection(policy, evaluators(), args, evaluation),
  })
}
