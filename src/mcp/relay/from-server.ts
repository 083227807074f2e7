import { errorResponse, overloaded, type RequestId, readMessage, rpcCodes, withoutOurs } from './read-message.ts'
import { maxAsked, type Session } from './session.ts'

/**
 * Takes a message of the server. The transport of the server waits until the client has taken it.
 *
 * @param onListChanged - called before the client learns that the tools have changed.
 */
export function takeFromServer(session: Session, given: unknown, onListChanged: () => void): Promise<void> | undefined {
  const { asked, key, passing, report, requests } = session
  const read = readMessage(given)
  if (read.kind === 'malformed') {
    report(new Error(`the server sent a malformed message: ${read.fault}`))
    return failMalformed(session, given)
  }
  // A server makes no denial and no receipt.
  const message = withoutOurs(read.message, key)
  if (read.kind === 'response') {
    if (requests.take(read.id, message)) return undefined
    const respond = passing.get(read.id)
    passing.delete(read.id)
    if (respond !== undefined) return respond(message)
    report(new Error('the server sent a response that nobody waits for'))
    return undefined
  }
  if (read.kind === 'request') {
    if (asked.size >= maxAsked) {
      const refused = errorResponse(read.id, rpcCodes.tooMany, overloaded.message)
      return session.toServer(refused).catch(report)
    }
    asked.add(read.id)
  }
  if (read.kind === 'notification' && read.method === 'notifications/tools/list_changed') onListChanged()
  if (read.kind === 'notification' && read.method === 'notifications/cancelled') {
    const { requestId } = Object(message['params']) as { readonly requestId?: never }
    if (requestId !== undefined) asked.delete(requestId)
  }
  return session.toClient(message)
}

/** The request whose answer is malformed gets an error: no other answer comes. MCP-36 */
export function failMalformed({ passing, requests }: Session, given: unknown): Promise<void> | undefined {
  // Another value is the id of no request.
  const { id } = Object(given) as { readonly id: RequestId }
  // An id of the relay is in no other message. The server may use an id of the client for a request of its own.
  if (requests.take(id, {}) || Object.hasOwn(Object(given) as object, 'method')) return undefined
  const respond = passing.get(id)
  passing.delete(id)
  return respond?.(errorResponse(id, rpcCodes.internalError, 'the answer of the server is malformed'))
}
