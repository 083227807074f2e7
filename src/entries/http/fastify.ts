// node only: handles signals of the process
/**
 * `procura/http/fastify`: calls in Fastify 5.
 *
 * @module
 */

export type { CallTaker } from '../../http/adapters/answer.ts'
export {
  containerBodies,
  type FastifyReplyLike,
  type FastifyRequestLike,
  fastifyGuard,
  fastifyHandler,
  type GuardedFastifyReply,
  unreadBodies,
} from '../../http/adapters/fastify.ts'
export { callOf, type RouteGuard, type RouteGuardOptions } from '../../http/adapters/route-guard.ts'
export { type ClosingService, closeAtSignal } from '../../service/close-at-signal.ts'
