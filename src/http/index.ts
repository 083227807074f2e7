/**
 * Calls over HTTP, at both ends: `procura/http`.
 *
 * @module
 */

export { type CallRequest, type CallSender, type CallSenderOptions, createCallSender } from './call-sender.ts'
export { type DenialResponse, denialResponse } from './denial-response.ts'
export { type ContainerReading, type NodeRequest, type ReadContainerOptions, readContainer } from './read-container.ts'
