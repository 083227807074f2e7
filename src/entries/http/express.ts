// node only: handles signals of the process
/**
 * `procura/http/express`: calls in Express 5.
 *
 * @module
 */

export type { CallTaker } from '../../http/adapters/answer.ts'
export { expressGuard, type GuardedOutgoing } from '../../http/adapters/express-guard.ts'
export { expressHandler } from '../../http/adapters/express.ts'
export type { NodeIncoming, NodeOutgoing } from '../../http/adapters/node-response.ts'
export { callOf, type RouteGuard, type RouteGuardOptions } from '../../http/adapters/route-guard.ts'
export { type ClosingService, closeAtSignal } from '../../service/close-at-signal.ts'
