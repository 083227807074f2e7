import { explainFailure } from '../../capability/policy/explain-failure.ts'
import type { UnsignedChain } from '../chain.ts'
import type { Denial } from '../denial.ts'
import { findRefusal, refusedBy } from './policy.ts'

/** The denial when a policy of the chain refuses the arguments, for code that has the explanations at hand. */
export function checkPolicies(chain: UnsignedChain): Denial | undefined {
  const refusal = findRefusal(chain)
  if (refusal === undefined) return undefined
  const { at, failure, policy, args, evaluation } = refusal
  const explained = explainFailure(policy, failure, args, evaluation)
  return refusedBy(failure, explained, at, chain.links.length, chain.invocation.fields)
}
