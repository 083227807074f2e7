import { parsePolicy } from '../policy/parse-policy.ts'
import type { Policy } from '../policy/statement.ts'
import { type Widening, wideningOf } from './widening-of.ts'

export type { Widening } from './widening-of.ts'

/**
 * Finds a statement of `child` that on its own allows more than `parent`: it is wider than the parent's statement about
 * the same value, names a value that the parent refuses, or has no value in common with it. A chain of delegations
 * requires all policies to hold, so such a statement grants nothing. Its author probably expects that it does.
 *
 * Statements about the value of one selector are compared, and limits. A widening that the analysis proves has
 * arguments as an example. A result of undefined does not prove that the child is narrower; `comparePolicies` can prove
 * that. A statement that the parent also contains is not a widening, so a policy is never a widening of itself.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that one of the policies breaks.
 */
export function findWidening(parent: Policy, child: Policy): Widening | undefined {
  return wideningOf(parsePolicy(parent), parsePolicy(child))
}
