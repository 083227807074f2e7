import { type Widening, wideningOf } from './narrower.ts'
import { parsePolicy } from './parse-policy.ts'
import type { Policy } from './statement.ts'

export type { Widening } from './narrower.ts'

/**
 * Finds a statement of `child` that on its own allows what `parent` does not: it is wider than the parent's statement
 * at the same place, names a value that the parent refuses, or has nothing in common with it. A chain of delegations
 * needs all policies to hold, so such a statement can give nothing; whoever wrote it believes otherwise.
 *
 * Bounds, equality, patterns, alternatives of those over one selector, and `all` of them are compared. About other
 * statements it says nothing: undefined does not mean that the child is narrower, only that nothing is seen. A statement
 * that the parent has as well widens nothing, so no policy is a widening of itself.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that one of the policies breaks.
 */
export function findWidening(parent: Policy, child: Policy): Widening | undefined {
  return wideningOf(parsePolicy(parent), parsePolicy(child))
}
