/**
 * `procura/http/hono`: calls in Hono.
 *
 * @module
 */

export type { CallTaker } from '../../http/adapters/answer.ts'
export { type GuardedHonoContext, type HonoContext, honoGuard, honoHandler } from '../../http/adapters/hono.ts'
export { callOf, type RouteGuard, type RouteGuardOptions } from '../../http/adapters/route-guard.ts'
