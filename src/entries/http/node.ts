/**
 * `procura/http/node`: calls in `node:http`.
 *
 * @module
 */

export type { CallTaker, HandlerOptions } from '../../http/adapters/answer.ts'
export { nodeHandler } from '../../http/adapters/node.ts'
export type { NodeIncoming, NodeOutgoing } from '../../http/adapters/node-response.ts'
