import { objectValue } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { denialResult } from '../tool-denial.ts'
import type { ToolGate } from '../tool-gate.ts'
import type { Respond } from './batch.ts'
import { listsCapabilities, withoutRefused } from './capabilities.ts'
import { charactersOf } from './characters-of.ts'
import { CallEnded, failureResult } from './failure.ts'
import {
  errorResponse,
  overloaded,
  type ReadMessage,
  type RequestId,
  rpcCodes,
  type WireMessage,
  withoutOurs,
} from './read-message.ts'
import type { Session } from './session.ts'
import type { RelayedCall } from './tool-host.ts'
import { RpcError } from './upstream-requests.ts'

/**
 * Takes a message of the client. The answer of a transport is waited for where a message passes or is refused. That of
 * a request is not: its answer can depend on further messages of the client.
 */
export function takeFromClient(
  session: Session,
  gate: ToolGate<RelayedCall>,
  read: ReadMessage,
  respond: Respond,
): Promise<void> | undefined {
  const { asked, key, report } = session
  if (read.kind === 'malformed') {
    report(new Error(read.fault))
    if (read.id !== undefined) return respond(errorResponse(read.id, rpcCodes.invalidRequest, read.fault))
    return undefined
  }
  if (read.kind === 'request') return takeRequest(session, gate, read, respond)
  if (read.kind === 'response') {
    if (asked.delete(read.id)) return pass(session, withoutOurs(read.message, key))
    report(new Error('the client sent a response that nobody waits for'))
    return undefined
  }
  // MCP-20: a server might run a call that is sent as a notification.
  if (isAboutTools(read.method)) {
    report(new Error('the client sent a request for tools as a notification'))
    return undefined
  }
  // A server might run a request that is sent as a notification.
  if (session.passes !== undefined && !read.method.startsWith('notifications/') && !session.passes(read.method)) {
    report(new Error('the client sent a request that is not allowed as a notification'))
    return undefined
  }
  if (read.method === 'notifications/cancelled' && cancel(session, read.message)) return undefined
  return pass(session, withoutOurs(read.message, key))
}

function takeRequest(
  session: Session,
  gate: ToolGate<RelayedCall>,
  { id, method, message }: Extract<ReadMessage, { kind: 'request' }>,
  respond: Respond,
): Promise<void> | undefined {
  const { guarded, passing } = session
  const isGuarded = method === 'tools/call' || method === 'tools/list'
  // A guarded request is kept until it is answered; a request that passes is not.
  const characters = isGuarded ? charactersOf(message) : 0
  const refused = refusalOf(session, { id, method, message }, characters)
  // A client that does not read its refusals sends no more requests.
  if (refused !== undefined) return respond(refused)
  if (isGuarded) {
    const controller = new AbortController()
    guarded.set(id, controller)
    session.characters += characters
    const done = (): void => {
      guarded.delete(id)
      session.characters -= characters
    }
    session.run(guard(session, gate, { id, method, message, controller }).finally(done).then(respond))
    return undefined
  }
  const { passes } = session
  const answers = passes !== undefined && listsCapabilities(method)
  passing.set(id, answers ? (response) => respond(response && withoutRefused(response, passes)) : respond)
  session.toServer(withoutOurs(message, session.key)).catch((error: unknown) => {
    session.report(error)
    const unsent = errorResponse(id, rpcCodes.internalError, 'the request could not be sent to the server')
    if (passing.delete(id)) void respond(unsent)
  })
  return undefined
}

function refusalOf(
  session: Session,
  { id, method, message }: Pick<Extract<ReadMessage, { kind: 'request' }>, 'id' | 'method' | 'message'>,
  characters: number,
): WireMessage | undefined {
  const { guarded, key, passing, most } = session
  if (session.isEnding()) return errorResponse(id, rpcCodes.serverEnded, 'the server has ended')
  if (guarded.has(id) || passing.has(id))
    return errorResponse(id, rpcCodes.invalidRequest, 'the id of the request is in use')
  if (guarded.size + passing.size >= most.requests || session.characters + characters > most.characters)
    return method === 'tools/call'
      ? { jsonrpc: '2.0', id, result: complete(denialResult(key, overloaded), Object(message['params'])) }
      : errorResponse(id, rpcCodes.tooMany, overloaded.message)
  const isGuarded = method === 'tools/call' || method === 'tools/list'
  if (isAboutTools(method) && !isGuarded)
    return errorResponse(id, rpcCodes.methodNotFound, 'the method is not supported')
  if (!isGuarded && session.passes?.(method) === false) {
    const fault = `requests of the method ${quote(method)} are not allowed by this service; add them to \`passes\` of relayTools, or to \`allow\` of the server in gateway.json`
    return errorResponse(id, rpcCodes.methodNotFound, fault)
  }
  return undefined
}

/** MCP-20: another method about tools, of a later protocol or in another spelling, is not passed on unguarded. */
function isAboutTools(method: string): boolean {
  return /^\s*tools\b/i.test(method)
}

interface GuardedRequest {
  readonly id: RequestId
  readonly method: 'tools/call' | 'tools/list'
  readonly message: WireMessage
  readonly controller: AbortController
}

/** The response to a guarded request; undefined if the client does not wait for it. */
async function guard(
  { key, report }: Session,
  gate: ToolGate<RelayedCall>,
  { id, method, message, controller: { signal } }: GuardedRequest,
): Promise<WireMessage | undefined> {
  const params = (objectValue(message['params']) === undefined ? message['params'] : {}) as WireMessage
  const call: RelayedCall = { params, signal, sent: false, waiting: undefined }
  const isAwaited = (): boolean => !['cancelled', 'client_ended'].includes(Object(signal.reason).code)
  const answer = (result: unknown): WireMessage | undefined =>
    isAwaited() ? { jsonrpc: '2.0', id, result: complete(result, params) } : undefined
  try {
    return answer(await (method === 'tools/call' ? gate.call : gate.list)({ params }, call))
  } catch (error) {
    if (!isAwaited()) return undefined
    if (error instanceof RpcError) return { jsonrpc: '2.0', id, error: error.error }
    if (!(error instanceof CallEnded)) report(error)
    if (method === 'tools/list') return errorResponse(id, rpcCodes.internalError, 'the tools could not be listed')
    const { reason } = signal
    if (reason instanceof CallEnded) return answer(failureResult(key, reason.code, call.sent))
    return answer(failureResult(key, call.waiting?.aborted ? 'stopped' : 'failed', call.sent))
  }
}

/** A result in the form of the protocol version 2026-07-28, in which each request names its version. */
function complete(result: unknown, { _meta }: WireMessage): unknown {
  const isStateless = Object.hasOwn(Object(_meta), 'io.modelcontextprotocol/protocolVersion')
  return isStateless ? { resultType: 'complete', ...Object(result) } : result
}

/** Cancels a guarded request. False for a request that the server has. */
function cancel({ guarded, passing }: Session, { params }: WireMessage): boolean {
  const { requestId } = Object(params) as { readonly requestId?: unknown }
  const controller = guarded.get(requestId as RequestId)
  if (controller !== undefined) {
    controller.abort(new CallEnded('cancelled'))
    return true
  }
  const respond = passing.get(requestId as RequestId)
  passing.delete(requestId as RequestId)
  void respond?.(undefined)
  return false
}

async function pass(session: Session, message: WireMessage): Promise<void> {
  try {
    await session.toServer(message)
  } catch (error) {
    session.report(error)
  }
}
