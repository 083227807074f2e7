/**
 * `procura/service`: a handler for each command, revocations, and one end for all of it.
 *
 * @module
 */

export { type BoundCommand, type CallSurroundings, type CommandHandler, on } from '../service/on.ts'
export type { StoresAnswer } from '../service/observe-stores.ts'
export type { Closable, ServiceOptions } from '../service/options.ts'
export type { RevocationResult } from '../service/revocation-desk.ts'
export { createService, type Service, type ServiceCallOptions, type ServiceHealth } from '../service/service.ts'
