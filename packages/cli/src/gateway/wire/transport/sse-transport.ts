import { TransportError } from 'procura/errors'
import { unlessAborted } from '#support/abort.ts'
import { withinDeadline } from '#support/deadline.ts'
import { readEvents } from '#support/event-stream.ts'
import { quietly } from '#support/quietly.ts'
import {
  commonHeaders,
  deliverText,
  discard,
  ended,
  exchange,
  type HttpConnection,
  isType,
  report,
  sendRequest,
  type WireMessage,
} from './http-connection.ts'
import { adviceFor, connectionTo, type HttpSendOptions, type HttpTransportOptions } from './http-transport.ts'
import type { McpTransport } from './mcp-transport.ts'

/** The stream of the server. */
interface Stream {
  /** Resolves to the address for messages. */
  readonly address: Promise<string>
  /** What to call when the response to a request has come, by its id. */
  readonly answered: Map<unknown, () => void>
}

/**
 * The client's side of MCP over HTTP+SSE, the transport of protocol version 2024-11-05: one stream with all messages of
 * the server, and one address for those of the client, which the first event of the stream names. The stream is opened
 * for the first message, and its end is the end of the connection. `send` of a request resolves when its response has
 * come. GTW-49
 *
 * @param options - as those of `httpTransport`.
 */
export function sseTransport(url: string, options: HttpTransportOptions = {}): McpTransport {
  let stream: Stream | undefined
  const transport: McpTransport = {
    start: async () => undefined,
    async send(message, sending) {
      if (connection.closed) throw ended()
      stream ??= openStream(connection)
      const each = (Array.isArray(message) ? message : [message]) as readonly WireMessage[]
      for (const one of each) await post(connection, stream, one, (sending ?? {}) as HttpSendOptions)
    },
    async close() {
      end(connection, ended())
    },
  }
  const connection = connectionTo(url, options, transport)
  return transport
}

function end(connection: HttpConnection, reason: unknown): void {
  if (connection.closed) return
  connection.closed = true
  for (const own of [...connection.exchanges]) own.abort(reason)
  quietly(() => connection.transport.onclose?.())
}

/** Opens the stream. After its end, the messages of the server would be lost: the connection ends with it. */
function openStream(connection: HttpConnection): Stream {
  const answered: Stream['answered'] = new Map()
  async function read(onAddress: (address: string) => void): Promise<void> {
    let reason: unknown = new TransportError('ended', 'the server has ended its stream')
    try {
      await exchange(connection, (own) => readStream(connection, own, answered, onAddress))
    } catch (error) {
      reason = error
    }
    report(connection, reason)
    end(connection, reason)
  }
  return { address: new Promise((resolve) => void read(resolve)), answered }
}

async function readStream(
  connection: HttpConnection,
  own: AbortController,
  answered: Stream['answered'],
  onAddress: (address: string) => void,
): Promise<void> {
  const headers = { ...commonHeaders(connection), accept: 'text/event-stream' }
  const response = await sendRequest(connection, own, { method: 'GET', headers })
  const { body, ok, status } = response
  if (!ok || body === null || !isType(response, 'text/event-stream')) {
    discard(response)
    throw new TransportError('refused', `the server has no stream of HTTP+SSE: status ${status}${adviceFor(status)}`)
  }
  const most = connection.maxMessageChars
  const tooLong = (): Error => new TransportError('too_large', `an event has more than ${most} characters`)
  for await (const { type, data } of readEvents(body, { most, tooLong, signal: own.signal })) {
    if (type === 'endpoint') onAddress(addressIn(data, connection))
    if (type !== 'message' || !data) continue
    try {
      for (const id of await deliverText(connection, data)) answered.get(id)?.()
    } catch (error) {
      report(connection, error)
    }
  }
}

/** The address for messages. At another origin, somebody else would get them. */
function addressIn(data: string | undefined, { target }: HttpConnection): string {
  const address = quietly(() => new URL(data ?? '', target))
  if (address?.origin === new URL(target).origin) return address.href
  throw new TransportError('refused', 'the server names an address for messages that is not of its own origin')
}

async function post(
  connection: HttpConnection,
  { address, answered }: Stream,
  message: WireMessage,
  { fetch }: HttpSendOptions,
): Promise<void> {
  const { open, responseMs } = connection
  const { id, method, params } = message
  const isRequest = method !== undefined && id !== undefined
  if (method === 'initialize') connection.initialize = id
  await exchange(connection, async (own) => {
    const { signal } = own
    const reason = (): Error =>
      new TransportError('unanswered', `the server named no address for messages within ${responseMs} ms`)
    const target = await withinDeadline(responseMs, { signals: [signal], reason }, () => address)
    const answer = new Promise<void>((resolve) => {
      if (isRequest) answered.set(id, resolve)
      else resolve()
    })
    if (isRequest) open.set(id, own)
    try {
      const headers = { ...commonHeaders(connection), 'content-type': 'application/json' }
      const request = { method: 'POST', headers, body: JSON.stringify(message) }
      const response = await (fetch === undefined
        ? sendRequest({ ...connection, target }, own, request)
        : unlessAborted(async () => fetch(target, { ...request, redirect: 'return' }), signal))
      discard(response)
      const { ok, status } = response
      if (!ok)
        throw new TransportError(
          'refused',
          `the server refused a message with the status ${status}${adviceFor(status)}`,
        )
      if (method === 'notifications/cancelled') open.get(Object(params).requestId)?.abort()
      await unlessAborted(answer, signal)
    } finally {
      answered.delete(id)
      open.delete(id)
    }
  })
}
