/**
 * `procura/service`: a handler for each command, revocations, and one end for all of it.
 *
 * @module
 */

export { type BoundCommand, type CommandHandler, on } from '../service/on.ts'
export type { RevocationResult } from '../service/revocation-desk.ts'
export { createService, type Service } from '../service/service.ts'
