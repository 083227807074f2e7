import type { IpldValue } from '../../ipld/value.ts'
import { beginEvaluation } from './evaluation.ts'
import { compileStatement } from './evaluator.ts'
import { findObjection, type PolicyObjection } from './objection.ts'
import { TRUE } from './outcome.ts'
import type { Policy } from './statement.ts'

export type { PolicyObjection } from './objection.ts'

/** A policy made ready to be asked many times. It holds no state, so one can serve all calls at once. */
export interface CompiledPolicy {
  /** What was compiled. */
  readonly policy: Policy
  /** Returns what the policy has against these arguments, or undefined when it allows them. Never throws. */
  evaluate(args: IpldValue): PolicyObjection | undefined
}

/**
 * Compiles a policy that `parsePolicy` or a builder returned. Selectors are read and patterns split here, once; no code
 * is generated.
 *
 * @throws MalformedError when a selector is malformed, of which a parsed policy has none.
 */
export function compilePolicy(policy: Policy): CompiledPolicy {
  const evaluators = policy.map(compileStatement)
  return Object.freeze({
    policy,
    evaluate(args: IpldValue): PolicyObjection | undefined {
      const evaluation = beginEvaluation(args)
      for (const evaluate of evaluators) {
        // POL-10: only "true" permits. What is wrong is worked out when something is, not on every call.
        if (evaluate(args, evaluation) !== TRUE || evaluation.remaining < 0)
          return findObjection(policy, evaluators, args)
      }
      return undefined
    },
  })
}
