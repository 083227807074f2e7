/**
 * `procura/authorization`: decisions about many calls, about a call before it is signed, and about a received
 * delegation.
 *
 * @module
 */

export { authorizeMany } from '../core/authorization/authorize-many.ts'
export { explainCall } from '../core/authorization/explain-call.ts'
export { type DelegationVerdict, verifyDelegation } from '../core/authorization/verify-delegation.ts'
