import type { OpenInvocation } from './chain.ts'
import type { Refusal } from './refusal.ts'

/**
 * A denial, or a refusal before it is one, with the claims of its call.
 *
 * @param authenticated - whether the chain is aligned, signed, and for this service.
 */
export function withClaims<T extends Refusal>(denial: T, { cid, fields }: OpenInvocation, authenticated: boolean): T {
  const { issuer: invoker, subject, command, proofs } = fields
  return { ...denial, call: Object.freeze({ authenticated, invocation: cid, invoker, subject, command, proofs }) }
}
