import type { IpldValue } from '../../ipld/value.ts'
import { beginEvaluation, type Evaluation } from './evaluation.ts'
import { compileStatement, type Evaluator } from './evaluator.ts'
import { findObjection, type PolicyObjection } from './objection.ts'
import { parsePolicy } from './parse-policy.ts'
import type { Policy } from './statement.ts'

export type { PolicyObjection } from './objection.ts'

/** A policy made ready to be asked many times. No call changes what it answers, so one can serve all calls at once. */
export interface CompiledPolicy {
  /** What was compiled. */
  readonly policy: Policy
  /**
   * Returns what the policy has against these arguments, or undefined when it allows them. Never throws.
   *
   * @param evaluation - begun over the same arguments, when several policies share one budget; default one of its own.
   */
  evaluate(args: IpldValue, evaluation?: Evaluation): PolicyObjection | undefined
}

/**
 * Reads a policy as `parsePolicy` does and compiles it. Selectors are read and patterns split here, once; no code is
 * generated.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that it breaks.
 */
export function compilePolicy(policy: Policy): CompiledPolicy {
  const parsed = parsePolicy(policy)
  const evaluators = parsed.map(compileStatement)
  return compiled(parsed, () => evaluators)
}

/**
 * The same for a policy that `parsePolicy` returned, which is not read twice. It is compiled when it is asked first: most
 * policies of tokens that nobody has verified are never asked.
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
    evaluate: (args: IpldValue, evaluation: Evaluation = beginEvaluation(args)) =>
      findObjection(policy, evaluators(), args, evaluation),
  })
}
