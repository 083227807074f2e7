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
  fastifyHandler,
  unreadBodies,
} from '../../http/adapters/fastify.ts'
export { type ClosingService, closeAtSignal } from '../../service/close-at-signal.ts'
