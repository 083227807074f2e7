import { errorResponse, type ReadMessage, readMessage, rpcCodes, type WireMessage } from './read-message.ts'

/** Sends the response to a request. Undefined if the request was cancelled, and has none. */
export type Respond = (response: WireMessage | undefined) => Promise<void>

/** Most messages of a batch. MCP-38 */
export const maxBatch = 100

/**
 * Takes a batch of JSON-RPC apart, which protocol versions before 2025-06-18 have. Each message is handled as if it had
 * come alone, and the responses are sent together.
 */
export function takeBatch(
  batch: readonly unknown[],
  send: (message: WireMessage | readonly WireMessage[]) => Promise<void>,
  take: (read: ReadMessage, respond: Respond) => unknown,
): unknown {
  if (batch.length === 0 || batch.length > maxBatch) {
    const fault = `a batch must have 1 to ${maxBatch} messages`
    return send(errorResponse(null, rpcCodes.invalidRequest, fault))
  }
  const reads = batch.map(readMessage)
  let open = reads.filter(
    (read) => read.kind === 'request' || (read.kind === 'malformed' && read.id !== undefined),
  ).length
  const responses: WireMessage[] = []
  const respond: Respond = async (response) => {
    if (response !== undefined) responses.push(response)
    open -= 1
    if (open === 0 && responses.length > 0) await send(responses)
  }
  return Promise.all(reads.map((read) => take(read, respond)))
}
