import { ProcuraError, TransportError } from 'procura/errors'
import { unlessAborted } from '#support/abort.ts'
import { startBackgroundTimer } from '#support/background-timer.ts'
import { quietly } from '#support/quietly.ts'
import { readText } from '#support/read-bounded.ts'
import type { McpTransport } from './mcp-transport.ts'
import { hasTooManyValues, mostOfBatch, mostValues } from './message-size.ts'

/** Sends a request of HTTP, as `fetch` of the host does. */
export type TransportFetch = (url: string, request: RequestInit) => Promise<Response>

/** A message of JSON-RPC, as it is on the wire. */
export type WireMessage = Readonly<Record<string, unknown>>

/** The state of a connection over HTTP. */
export interface HttpConnection {
  readonly target: string
  readonly fetch: TransportFetch
  readonly headers: Readonly<Record<string, string>>
  readonly responseMs: number
  readonly maxMessageChars: number
  readonly transport: McpTransport
  /** The exchanges in progress. */
  readonly exchanges: Set<AbortController>
  closed: boolean
  /** Requests whose response is read, by their id. */
  readonly open: Map<unknown, AbortController>
  session: string | undefined
  /** Whether the stream of the server is open, or being opened. */
  listens: boolean
  /** The agreed version of the protocol. */
  version: string | undefined
  /** The id of the request `initialize`. */
  initialize: unknown
}

/** Reports a fault, unless the connection is closed. */
export function report({ closed, transport }: HttpConnection, error: unknown): void {
  if (!closed) quietly(() => transport.onerror?.(error))
}

/** The headers of every request. Those of the protocol are not replaced. */
export function commonHeaders({ headers, session, version }: HttpConnection): Record<string, string> {
  return {
    ...headers,
    ...(session !== undefined && { 'mcp-session-id': session }),
    ...(version !== undefined && { 'mcp-protocol-version': version }),
  }
}

/** Performs an exchange, which ends when the connection is closed. */
export async function exchange<T>(
  { exchanges, closed }: HttpConnection,
  task: (own: AbortController) => Promise<T>,
): Promise<T> {
  const own = new AbortController()
  // One set of controllers: a listener at a signal of the connection would remain after each exchange.
  exchanges.add(own)
  if (closed) own.abort(ended())
  try {
    return await task(own)
  } finally {
    exchanges.delete(own)
  }
}

/** The reason of exchanges that the end of the connection aborts. */
export function ended(): TransportError {
  return new TransportError('ended', 'the connection has ended')
}

/** Sends a request, and resolves when its response begins. */
export async function sendRequest(
  { target, fetch, responseMs }: HttpConnection,
  own: AbortController,
  {
    method,
    headers,
    body,
  }: { readonly method: string; readonly headers: Record<string, string>; readonly body?: string },
): Promise<Response> {
  const { signal } = own
  const late = (): void => own.abort(new TransportError('unanswered', `no response began within ${responseMs} ms`))
  const timer = startBackgroundTimer(late, responseMs)
  try {
    const request = { method, headers, redirect: 'manual' as const, signal, ...(body !== undefined && { body }) }
    return await unlessAborted(async () => fetch(target, request), signal)
  } catch (cause) {
    if (signal.aborted || cause instanceof ProcuraError) throw cause
    throw new TransportError('unreachable', `the server at ${new URL(target).origin} could not be reached`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

/** Delivers the messages of a text, and returns the ids of the requests that they answer. */
export async function deliverText(connection: HttpConnection, text: string): Promise<readonly unknown[]> {
  const parsed = parse(text)
  const messages: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed]
  if (messages.length > mostOfBatch)
    throw new TransportError('too_large', `a batch has more than ${mostOfBatch} messages`)
  for (const message of messages) await deliver(connection, message)
  return messages.filter(isResponse).map((one) => Object(one).id)
}

/** Delivers a message, and waits until it is taken. */
export async function deliver(connection: HttpConnection, message: unknown): Promise<void> {
  const { id, result } = Object(message) as WireMessage
  if (id === connection.initialize && id !== undefined) {
    const agreed: unknown = Object(result).protocolVersion
    if (typeof agreed === 'string' && /^[\w.-]{1,32}$/.test(agreed)) connection.version = agreed
  }
  try {
    await connection.transport.onmessage?.(message)
  } catch (error) {
    report(connection, error)
  }
}

function parse(text: string): unknown {
  if (hasTooManyValues(text)) throw new TransportError('too_large', `a message has more than ${mostValues} values`)
  try {
    return JSON.parse(text)
  } catch {
    throw new TransportError('not_json', 'a message of the server is not JSON')
  }
}

/** Whether a message is a response. */
export function isResponse(message: unknown): boolean {
  const value = Object(message) as object
  return !Object.hasOwn(value, 'method') && (Object.hasOwn(value, 'result') || Object.hasOwn(value, 'error'))
}

/** Ends the connection, because the server no longer knows the session. */
export function endSession(connection: HttpConnection): TransportError {
  const error = new TransportError('session_ended', 'the server has ended the session')
  report(connection, error)
  connection.session = undefined
  void connection.transport.close()
  return error
}

/** Whether a response has a media type. */
export function isType(response: Response, type: string): boolean {
  return response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() === type
}

/** Reads no more of a response. */
export function discard(response: Response): undefined {
  response.body?.cancel().catch(() => undefined)
}

/** Reads a body as text of limited length. */
export function readBody({ body }: Response, most: number, signal: AbortSignal): Promise<string> {
  const tooLong = (): Error => new TransportError('too_large', `a message has more than ${most} characters`)
  return readText(body, { most, tooLong, signal })
}
