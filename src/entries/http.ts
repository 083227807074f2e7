/**
 * Calls over HTTP, at both ends: `procura/http`.
 *
 * @module
 */

export { type CallRequest, type CallSender, type CallSenderOptions, createCallSender } from '../http/call-sender.ts'
export { type DenialResponse, denialResponse } from '../http/denial-response.ts'
export {
  type ContainerReading,
  type NodeRequest,
  type ReadContainerOptions,
  readContainer,
} from '../http/read-container.ts'
