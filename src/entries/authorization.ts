/**
 * `procura/authorization`: decisions about many calls, and the parts of a denial by name.
 *
 * @module
 */

export { authorizeMany, type ManyOptions } from '../authorization/authorize-many.ts'
export type { RemainingLimit } from '../authorization/limits/remaining.ts'
export type { Approvable, ClaimedCall, DenialDetail } from '../authorization/denial.ts'
export type { VerificationOptions } from '../authorization/options.ts'
