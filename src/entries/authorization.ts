/**
 * `procura/authorization`: decisions about many calls, about a call before it is signed, and about a received
 * delegation; the parts of a denial by name.
 *
 * @module
 */

export { authorizeMany, type ManyOptions } from '../authorization/authorize-many.ts'
export type { RemainingLimit } from '../authorization/limits/remaining.ts'
export type { Approvable, ClaimedCall, DenialDetail } from '../authorization/denial.ts'
export type { VerificationOptions } from '../authorization/options.ts'
export { explainCall, type UnsignedCall } from '../authorization/explain-call.ts'
export {
  type DelegationVerdict,
  type VerifiedDelegation,
  type VerifyDelegationOptions,
  verifyDelegation,
} from '../authorization/verify-delegation.ts'
