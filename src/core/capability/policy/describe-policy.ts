import { describeStatement } from './describe.ts'
import { parsePolicy } from './parse-policy.ts'
import type { Policy } from './statement.ts'

/**
 * Describes a policy in plain English: a phrase without a full stop for each statement, all of which must
 * hold. It is for a person who is asked to agree to the policy, so an abbreviated value is marked as abbreviated.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that the policy breaks.
 *
 * @example
 * ```ts
 * import { describePolicy, like, lte } from 'procura/policy'
 *
 * describePolicy([like('.to', '*@example.com'), lte('.cents', 5000)])
 * // ['`.to` is a string that ends with `"@example.com"`', '`.cents` is a number <= 5000']
 * ```
 */
export function describePolicy(policy: Policy): readonly string[] {
  return parsePolicy(policy).map((statement) => describeStatement(statement))
}
