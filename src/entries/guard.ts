/**
 * `procura/guard`: one authorized, recorded use of a credential.
 *
 * @module
 */

export type { GuardedCall } from '../guard/call.ts'
export type { GuardedCommand } from '../guard/command.ts'
export { createGuard, type Guard } from '../guard/guard.ts'
export type { GuardOptions } from '../guard/options.ts'
export type { GuardDenial, GuardDenialCode, GuardResult } from '../guard/result.ts'
