/**
 * `procura/authorization`: decisions about many calls, about a call before it is signed, and about a received
 * delegation; the parts of a denial by name.
 *
 * @module
 */

export { authorizeMany, type ManyOptions } from '../core/authorization/authorize-many.ts'
export type { RemainingLimit } from '../core/authorization/limits/remaining.ts'
export type { Approvable, ClaimedCall, DenialDetail } from '../core/authorization/denial.ts'
export type { VerificationOptions } from '../core/authorization/options.ts'
export { explainCall, type UnsignedCall } from '../core/authorization/explain-call.ts'
export {
  type DelegationVerdict,
  type VerifiedDelegation,
  type VerifyDelegationOptions,
  verifyDelegation,
} from '../core/authorization/verify-delegation.ts'
