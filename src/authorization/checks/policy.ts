import type { PolicyObjection } from '../../capability/policy/compile.ts'
import { beginEvaluation } from '../../capability/policy/evaluation.ts'
import { quote } from '../../support/quote.ts'
import { type ChainLink, linkName, type UnsignedChain } from '../chain.ts'
import { type ApprovableFields, approvableOf, type Denial } from '../denial.ts'

/**
 * The policy of every delegation permits the arguments, exactly as signed. All policies are evaluated: a later link can only
 * add conditions. They share one budget, so a longer chain does not cost more work.
 */
export function checkPolicies(chain: UnsignedChain): Denial | undefined {
  const { links, invocation } = chain
  const { fields } = invocation
  const evaluation = beginEvaluation(fields.args)
  for (let at = 0; at < links.length; at++) {
    const objection = (links[at] as Pick<ChainLink, 'link'>).link.policy.evaluate(fields.args, evaluation)
    if (objection !== undefined) return refusedBy(objection, at, links.length, fields)
  }
  return undefined
}

/** The denial when the policy of the delegation at that position of `count` objects to the arguments. */
export function refusedBy(objection: PolicyObjection, at: number, count: number, fields: ApprovableFields): Denial {
  const overBudget = objection.reason === 'over_budget'
  return {
    code: overBudget ? 'policy_over_budget' : 'policy_unsatisfied',
    message: `${linkName(at, count)}: ${describe(objection)}`,
    at,
    requirement: overBudget ? 'PRF-12' : 'PRF-11',
    detail: { kind: 'policy', objection },
    ...(overBudget ? {} : { approvable: approvableOf(fields) }),
  }
}

/** One line: the statement, the selector, the required value and the one found. */
function describe(objection: PolicyObjection): string {
  const { statement, path, operator, selector, reason, expected, found } = objection
  // People count from one, also inside `and`, `or`, `all` and `any`.
  const place = [statement, ...path].map((index) => index + 1).join('.')
  const where = path.length === 0 ? place : `${place} (inside statement ${statement + 1})`
  if (reason === 'over_budget') return `policy statement ${where} takes more steps than a policy may`
  const what = quote(selector ?? operator)
  const required = expected === undefined ? '' : ` must be ${expected}`
  // Inside `and`, `or`, `all` and `any` a selector may begin at an element.
  const absent =
    path.length === 0 ? `but the call has no ${what}` : `but the value that it is checked on has no ${what}`
  const met = reason === 'unresolved' ? absent : found === undefined ? 'but it is not' : `found ${found}`
  return `policy statement ${where}: ${what}${required}, ${met}`
}
