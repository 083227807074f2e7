/**
 * `procura/http/fastify`: calls in Fastify 5.
 *
 * @module
 */

export type { CallTaker, HandlerOptions } from '../../http/adapters/answer.ts'
export {
  containerBodies,
  type FastifyLike,
  type FastifyReplyLike,
  type FastifyRequestLike,
  fastifyHandler,
  unreadBodies,
} from '../../http/adapters/fastify.ts'
