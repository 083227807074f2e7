import type { OpenInvocation } from './chain.ts'
import type { ClaimedCall } from './denial.ts'
import type { Refusal } from './refusal.ts'

/**
 * A denial, or a refusal before it is one, with the claims of its call.
 *
 * @param authenticated - as in {@link claimsOf}.
 */
export function withClaims<T extends Refusal>(denial: T, invocation: OpenInvocation, authenticated: boolean): T {
  return { ...denial, call: claimsOf(invocation, authenticated) }
}

/**
 * The claims of a call.
 *
 * @param authenticated - whether the chain is aligned, signed, and for this service.
 */
export function claimsOf({ cid, fields }: OpenInvocation, authenticated: boolean): ClaimedCall {
  const { issuer: invoker, subject, command, proofs } = fields
  return Object.freeze({ authenticated, invocation: cid, invoker, subject, command, proofs })
}
