import { describeStatement } from './describe-statement.ts'
import { parsePolicy } from './parse-policy.ts'
import type { Policy } from './statement.ts'

/**
 * Says in plain English what a policy allows: one sentence without a full stop for each statement, all of which must
 * hold. Made for a person who is asked to agree to it: what is cut is said to be cut.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that the policy breaks.
 */
export function describePolicy(policy: Policy): readonly string[] {
  return parsePolicy(policy).map((statement) => describeStatement(statement))
}
