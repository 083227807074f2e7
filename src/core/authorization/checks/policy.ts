import { beginEvaluation, overBudget, type StatementOutcome } from '../../capability/policy/evaluation.ts'
import type { ChainLink, UnsignedChain } from '../chain.ts'
import { type ApprovableFields, approvableOf } from '../denial.ts'
import type { Refusal } from '../refusal.ts'

/**
 * The policy of every delegation permits the arguments, exactly as signed. All policies are evaluated: a later link can
 * only add conditions. They share one budget, so a longer chain does not cost more work.
 */
export function checkPolicies({ links, invocation }: UnsignedChain): Refusal | undefined {
  const { args } = invocation.fields
  const evaluation = beginEvaluation(args)
  for (let at = 0; at < links.length; at++) {
    const { policy } = (links[at] as Pick<ChainLink, 'link'>).link
    const failure = policy.failure(args, evaluation)
    if (failure === undefined) continue
    const failed = { policy, failure, args, evaluation }
    return { ...refusedBy(failure.outcome, at, invocation.fields), facts: { failed } }
  }
  return undefined
}

/** The refusal when the policy of the delegation at that position does not permit the arguments. */
export function refusedBy(outcome: StatementOutcome, at: number, fields: ApprovableFields): Refusal {
  const isOver = outcome === overBudget
  return {
    code: isOver ? 'policy_over_budget' : 'policy_unsatisfied',
    at,
    requirement: isOver ? 'PRF-12' : 'PRF-11',
    ...(!isOver && { approvable: approvableOf(fields) }),
  }
}
