/**
 * `procura/http/fetch`: calls where a server is a function from a `Request` to a `Response`.
 *
 * @module
 */

export type { CallTaker } from '../../http/adapters/answer.ts'
export { fetchGuard, fetchHandler } from '../../http/adapters/fetch.ts'
export { callOf, type RouteGuard, type RouteGuardOptions } from '../../http/adapters/route-guard.ts'
