// node only: listens on sockets
/**
 * `procura/http/node`: calls in `node:http`.
 *
 * @module
 */

export type { CallTaker, HandlerOptions } from '../../http/adapters/answer.ts'
export {
  type CallListener,
  type ListenForCallsOptions,
  type ListeningService,
  listenForCalls,
} from '../../http/adapters/listen-for-calls.ts'
export { nodeHandler } from '../../http/adapters/node.ts'
export type { NodeIncoming, NodeOutgoing } from '../../http/adapters/node-response.ts'
export { type CloseAtSignalOptions, type ClosingService, closeAtSignal } from '../../service/close-at-signal.ts'
export type { ClosableServer } from '../../support/close-server.ts'
