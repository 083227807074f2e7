/**
 * `procura/http/hono`: calls in Hono.
 *
 * @module
 */

export type { CallTaker } from '../../http/adapters/answer.ts'
export { type HonoContext, honoHandler } from '../../http/adapters/hono.ts'
