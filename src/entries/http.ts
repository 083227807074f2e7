/**
 * `procura/http`: calls over HTTP, at both ends.
 *
 * @module
 */

export { type CallSender, createCallSender } from '../http/call-sender.ts'
export { type DenialResponse, denialResponse } from '../http/denial-response.ts'
export { type ContainerReading, readContainer } from '../http/read-container.ts'
