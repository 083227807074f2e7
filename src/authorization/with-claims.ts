import type { OpenInvocation } from './chain.ts'
import type { Denial } from './denial.ts'

/**
 * A denial with the claims of its call.
 *
 * @param authenticated - whether the chain is aligned, signed, and for this service.
 */
export function withClaims(denial: Denial, { cid, fields }: OpenInvocation, authenticated: boolean): Denial {
  const { issuer: invoker, subject, command, proofs } = fields
  return { ...denial, call: Object.freeze({ authenticated, invocation: cid, invoker, subject, command, proofs }) }
}
