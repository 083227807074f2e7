import { ArgumentError, TransportError } from 'procura/errors'
import { unlessAborted } from '#support/abort.ts'
import {
  callback,
  integerFrom,
  maybe,
  milliseconds,
  type OptionChecks,
  objectValue,
  readOptions,
  withDefault,
} from '#support/options.ts'
import { quietly } from '#support/quietly.ts'
import {
  commonHeaders,
  deliver,
  deliverText,
  discard,
  ended,
  endSession,
  exchange,
  type HttpConnection,
  isResponse,
  isType,
  readBody,
  report,
  sendRequest,
  type TransportFetch,
  type WireMessage,
} from './http-connection.ts'
import { listen, readStream } from './http-stream.ts'
import type { McpTransport } from './mcp-transport.ts'
import { headersOfBody } from './protocol-headers.ts'

/** Milliseconds for the end of a session at the server. */
const leavingMs = 5_000

/** Options of {@link httpTransport}. */
export interface HttpTransportOptions {
  /** Sends the requests. Default: `fetch` of the host. */
  readonly fetch?: TransportFetch
  /** Headers of every request, besides those of the protocol. */
  readonly headers?: Readonly<Record<string, string>>
  /** Milliseconds in which a response must begin. Default 300000. */
  readonly responseMs?: number
  /** Most characters of a message. Default 4194304. */
  readonly maxMessageChars?: number
}

/** Options of `send`. */
export interface HttpSendOptions {
  /** `fetch` of a guarded call: sends this message with the credential of the call. */
  readonly fetch?: (
    url: string,
    request: { method: string; headers: Record<string, string>; body: string; redirect: 'return' },
  ) => Promise<Response>
}

const checks: OptionChecks<HttpTransportOptions> & {
  readonly responseMs: ReturnType<typeof withDefault>
  readonly maxMessageChars: ReturnType<typeof withDefault>
} = Object.freeze({
  fetch: maybe(callback),
  headers: maybe(objectValue),
  responseMs: withDefault(milliseconds, 300_000),
  maxMessageChars: withDefault(integerFrom(1), 4_194_304),
})

/**
 * The client's side of MCP over Streamable HTTP: responses as JSON and as streams, sessions, the stream of the server
 * with resumption, and the end of the session. Redirects are not followed. `send` of a request rejects when the server
 * refuses it or its response ends without an answer. MCP-28
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { httpTransport } from 'procura-cli'
 *
 * const toServer = httpTransport('https://mcp.example.com/mcp', { headers: { 'x-team': 'support' } })
 * ```
 */
export function httpTransport(url: string | URL, options: HttpTransportOptions = {}): McpTransport {
  let closing: Promise<void> | undefined
  const transport: McpTransport = {
    start: async () => undefined,
    async send(message, sending) {
      if (connection.closed) throw ended()
      const each = (Array.isArray(message) ? message : [message]) as readonly WireMessage[]
      for (const one of each)
        await exchange(connection, (own) => post(connection, own, one, (sending ?? {}) as HttpSendOptions))
    },
    close() {
      closing ??= end(connection)
      return closing
    },
  }
  const connection = connectionTo(url, options, transport)
  return transport
}

/** The state of a new connection, which delivers to a transport. */
export function connectionTo(
  url: string | URL,
  options: HttpTransportOptions,
  transport: McpTransport,
): HttpConnection {
  const { headers = {}, ...given } = readOptions<HttpTransportOptions, typeof checks>('httpTransport', options, checks)
  return {
    target: targetOf(url),
    fetch: given.fetch ?? ((to, request) => fetch(to, request)),
    headers: { ...headers },
    responseMs: given.responseMs,
    maxMessageChars: given.maxMessageChars,
    transport,
    exchanges: new Set(),
    closed: false,
    open: new Map(),
    session: undefined,
    listens: false,
    version: undefined,
    initialize: undefined,
  }
}

async function post(
  connection: HttpConnection,
  own: AbortController,
  message: WireMessage,
  { fetch }: HttpSendOptions,
): Promise<void> {
  const { target, session, open } = connection
  const { id, method, params } = message
  if (method === 'initialize') connection.initialize = id
  const body = JSON.stringify(message)
  const headers = {
    ...commonHeaders(connection),
    ...headersOfBody(message),
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  const response = await (fetch === undefined
    ? sendRequest(connection, own, { method: 'POST', headers, body })
    : unlessAborted(async () => fetch(target, { method: 'POST', headers, body, redirect: 'return' }), own.signal))
  // The protocol version 2026-07-28 cancels by the end of the response.
  if (method === 'notifications/cancelled') open.get(Object(params).requestId)?.abort()
  if (response.status === 404 && session !== undefined) {
    discard(response)
    throw endSession(connection)
  }
  if (!response.ok) return refuse(connection, own.signal, response, message)
  if (method === 'initialize') connection.session = sessionOf(response)
  if (method === 'notifications/initialized') listen(connection).catch((error: unknown) => report(connection, error))
  if (method === undefined || id === undefined) return discard(response)
  await readAnswer(connection, own, response, id)
}

async function readAnswer(
  connection: HttpConnection,
  own: AbortController,
  response: Response,
  id: unknown,
): Promise<void> {
  const { maxMessageChars, open } = connection
  let isAnswered = false
  open.set(id, own)
  try {
    if (isType(response, 'text/event-stream') && response.body !== null) {
      isAnswered = await readStream(connection, own, response.body, id)
    } else if (isType(response, 'application/json')) {
      isAnswered = (await deliverText(connection, await readBody(response, maxMessageChars, own.signal))).includes(id)
    } else {
      discard(response)
    }
  } finally {
    open.delete(id)
  }
  if (isAnswered) return
  throw new TransportError('unanswered', 'the response of the server ended without an answer to the request')
}

/** A response with an error status may contain the answer to the request. */
async function refuse(
  connection: HttpConnection,
  signal: AbortSignal,
  response: Response,
  message: WireMessage,
): Promise<void> {
  const { maxMessageChars } = connection
  const text = isType(response, 'application/json')
    ? await readBody(response, maxMessageChars, signal).catch(() => '')
    : (discard(response) ?? '')
  const answer = quietly(() => JSON.parse(text) as unknown)
  const isAnswer = isResponse(answer) && Object.hasOwn(message, 'id') && Object(answer).id === message['id']
  if (isAnswer) return deliver(connection, answer)
  const { status } = response
  throw new TransportError('refused', `the server refused a message with the status ${status}${adviceFor(status)}`)
}

async function end(connection: HttpConnection): Promise<void> {
  const { exchanges, session, transport } = connection
  const headers = commonHeaders(connection)
  connection.closed = true
  for (const own of [...exchanges]) own.abort(ended())
  if (session !== undefined) {
    const leaving = { ...connection, responseMs: leavingMs }
    await sendRequest(leaving, new AbortController(), { method: 'DELETE', headers }).then(discard, () => undefined)
  }
  quietly(() => transport.onclose?.())
}

function targetOf(given: string | URL): string {
  const url = quietly(() => new URL(given))
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (url !== undefined && isHttp && url.username === '' && url.password === '') return url.href
  throw new ArgumentError('httpTransport: `url` must be a URL of https or http, without a user name or password')
}

/** The session of an answer to `initialize`: visible ASCII, as the specification requires. */
function sessionOf(response: Response): string | undefined {
  const id = response.headers.get('mcp-session-id')
  if (id === null) return undefined
  if (/^[\x21-\x7e]{1,1024}$/.test(id)) return id
  throw new TransportError('refused', 'the server sent an invalid session id')
}

/** The remedy for an error status. */
export function adviceFor(status: number): string {
  if (status === 401 || status === 403) return '; check its credential'
  if (status >= 300 && status < 400) return '; redirects are not followed, so configure the final URL'
  return ''
}
