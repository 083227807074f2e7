// node only: listens on sockets
/**
 * `procura/http/node`: calls in `node:http`.
 *
 * @module
 */

export type { CallTaker } from '../../http/adapters/answer.ts'
export { type CallListener, listenForCalls } from '../../http/adapters/listen-for-calls.ts'
export { nodeHandler } from '../../http/adapters/node.ts'
export type { NodeIncoming, NodeOutgoing } from '../../http/adapters/node-response.ts'
export { type ClosingService, closeAtSignal } from '../../service/close-at-signal.ts'
