import { beginEvaluation, type Evaluation, overBudget } from '../../capability/policy/evaluation.ts'
import type { ExplainedFailure } from '../../capability/policy/explain-failure.ts'
import type { PolicyFailure, ReadyPolicy } from '../../capability/policy/ready-policy.ts'
import type { IpldMap } from '../../ipld/value.ts'
import { type ChainLink, linkName, type UnsignedChain } from '../chain.ts'
import { type ApprovableFields, approvableOf, type Denial } from '../denial.ts'

/** The refusal of the arguments by a policy of the chain. */
export interface PolicyRefusal {
  /** Position of the delegation in the chain. */
  readonly at: number
  readonly policy: ReadyPolicy
  readonly failure: PolicyFailure
  readonly args: IpldMap
  readonly evaluation: Evaluation
}

/**
 * The policy of every delegation permits the arguments, exactly as signed. All policies are evaluated: a later link can only
 * add conditions. They share one budget, so a longer chain does not cost more work.
 */
export function findRefusal({ links, invocation }: UnsignedChain): PolicyRefusal | undefined {
  const { args } = invocation.fields
  const evaluation = beginEvaluation(args)
  for (let at = 0; at < links.length; at++) {
    const { policy } = (links[at] as Pick<ChainLink, 'link'>).link
    const failure = policy.failure(args, evaluation)
    if (failure !== undefined) return { at, policy, failure, args, evaluation }
  }
  return undefined
}

/**
 * The denial when the policy of the delegation at that position of `count` refuses the arguments.
 *
 * @param explained - absent when the code that explains was not at hand.
 */
export function refusedBy(
  { statement, outcome }: PolicyFailure,
  explained: ExplainedFailure | undefined,
  at: number,
  count: number,
  fields: ApprovableFields,
): Denial {
  const isOver = outcome === overBudget
  return {
    code: isOver ? 'policy_over_budget' : 'policy_unsatisfied',
    message: `${linkName(at, count)}: ${explained?.sentence ?? `policy statement ${statement + 1} refuses the call`}`,
    at,
    requirement: isOver ? 'PRF-12' : 'PRF-11',
    ...(explained && { detail: { kind: 'policy', objection: explained.objection } }),
    ...(!isOver && { approvable: approvableOf(fields) }),
  }
}
