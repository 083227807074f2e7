/**
 * `procura/guard`: one authorized, recorded use of a credential.
 *
 * @module
 */

export type { GuardedCall, Handler } from '../guard/call.ts'
export type { AdmittedCall } from '../guard/admission.ts'
export type { GuardCallOptions } from '../guard/call-options.ts'
export type { GuardedCommand } from '../guard/command.ts'
export { createGuard, type Guard } from '../guard/guard.ts'
export type { GuardOptions } from '../guard/options.ts'
export type { GuardDecision, GuardDenial, GuardDenialCode, GuardResult } from '../guard/result.ts'
