/**
 * Requests and responses of `node:http`, which Express passes as well, and of `node:http2`.
 *
 * @module
 */

import type { NodeRequest } from '../../support/read-body.ts'
import { bodyReadBefore, lostBody, wasRead } from '../read-container.ts'
import { answerRequest, type CallTaker, type CheckedHandlerOptions, type Incoming } from './answer.ts'
import type { Answer } from './answer-response.ts'
import { followClient } from './follow-client.ts'

/** The part of Node's `IncomingMessage` that is used. */
export interface NodeIncoming extends NodeRequest {
  readonly method?: string | undefined
  /** The path and query, as the client sent them. A router that is mounted at a path removes that path. */
  readonly url?: string | undefined
  /** The path and query, as the client sent them, in frameworks that change `url`. */
  readonly originalUrl?: string | undefined
  readonly headers: { readonly host?: string | undefined }
  readonly socket: object
  /** Whether the whole request was received. */
  readonly complete?: boolean
  /** A body that a parser has read, as in Express. */
  readonly body?: unknown
}

/** The part of Node's `ServerResponse` that is used. */
export interface NodeOutgoing {
  readonly headersSent: boolean
  readonly writableFinished: boolean
  readonly writableEnded?: boolean
  /** Undefined in HTTP/2, where the stream has it. */
  readonly destroyed?: boolean
  /** Null while the response waits for others of its connection, in HTTP/1. */
  readonly socket?: object | null
  /** Of HTTP/2. */
  readonly stream?: { readonly destroyed: boolean; close(code: number): unknown }
  /** Whether the connection may bring another request, in HTTP/1. */
  shouldKeepAlive?: boolean
  statusCode: number
  setHeader(name: string, value: string | readonly string[]): unknown
  write(chunk: Uint8Array): boolean
  end(): unknown
  end(chunk: string): unknown
  destroy(): unknown
  once(event: 'close' | 'drain' | 'finish', listener: () => void): unknown
  off(event: 'close' | 'drain' | 'finish', listener: () => void): unknown
}

/** Takes a request, and sends the response. Never rejects. */
export async function respond(
  service: CallTaker,
  request: NodeIncoming,
  response: NodeOutgoing,
  options: CheckedHandlerOptions,
): Promise<void> {
  const client = followClient(request.socket, response)
  const answer = await answerRequest(service, incomingOf(request, client.signal), options)
  await sendAnswer(answer, request, response, client.signal)
  client.leave()
}

/** Sends an answer, unless the client has left or the head of another one was sent. */
export async function sendAnswer(
  answer: Answer,
  request: NodeIncoming,
  response: NodeOutgoing,
  gone: AbortSignal,
): Promise<void> {
  endAfterPart(request, response)
  await send(answer, response, gone)
}

/** A request of Node, for the core. */
export function incomingOf(
  request: NodeIncoming,
  signal: AbortSignal | undefined,
  parsed: unknown = request.body,
): Incoming {
  return {
    ...{ source: request, parsed, signal },
    method: request.method ?? 'GET',
    target: targetOf(request),
    host: hostOf(request),
    request: (body) => webRequest(request, signal, body ?? bodyReadBefore(request, parsed)),
  }
}

/** The one host. HTTP/2 has it in `:authority`, and perhaps in `Host` as well (RFC 9113, 8.3.1). */
export function hostOf({ rawHeaders }: Pick<NodeIncoming, 'rawHeaders'>): string | undefined {
  const valuesOf = (name: string): readonly string[] =>
    rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
  const [hosts, authorities] = [valuesOf('host'), valuesOf(':authority')]
  const found = new Set([...hosts, ...authorities])
  return hosts.length <= 1 && authorities.length <= 1 && found.size === 1 ? [...found][0] : undefined
}

/**
 * HTP-48: ends the connection with this response if a part of the body was read. Node reads the rest of a body only if
 * nobody has begun, and the next request of the connection is behind it.
 *
 * Call it before the head of the response is sent.
 */
export function endAfterPart(
  request: NodeIncoming,
  response: Pick<NodeOutgoing, 'once' | 'shouldKeepAlive' | 'stream'>,
): void {
  const isPart = (): boolean => request.complete === false && wasRead(request)
  if (response.stream !== undefined) return
  if (isPart()) response.shouldKeepAlive = false
  // A handler may begin to read while its response streams.
  else response.once('finish', () => void (isPart() && (request.socket as Partial<Socket>).destroy?.()))
}

/** The part of Node's socket that is used. */
interface Socket {
  destroy(): unknown
  resetAndDestroy(): unknown
}

async function send({ status, headers, body }: Answer, response: NodeOutgoing, gone: AbortSignal): Promise<void> {
  const isGone = (): boolean => gone.aborted || response.destroyed === true || response.stream?.destroyed === true
  if (isGone() || response.headersSent) return void (await cancel(body))
  response.statusCode = status
  for (const [name, value] of grouped(headers)) response.setHeader(name, value)
  if (body === null) return void response.end()
  if (typeof body === 'string') return void response.end(body)
  const reader = body.getReader()
  // A body that is silent is cancelled as well, and its upstream request with it.
  const cancelled = (): void => void reader.cancel().catch(() => undefined)
  gone.addEventListener('abort', cancelled)
  if (isGone()) cancelled()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || isGone()) break
      if (!response.write(value)) await drained(response, gone)
    }
    if (!isGone()) response.end()
  } catch {
    breakOff(response)
  } finally {
    gone.removeEventListener('abort', cancelled)
    await reader.cancel().catch(() => undefined)
  }
}

/**
 * Ends a response whose body failed, so that the client does not take it for complete. A stream of HTTP/2 that is only
 * destroyed ends with NO_ERROR, as after a whole response. For a client of HTTP/1.0, such as nginx by default, the end
 * of the connection is the end of the body, unless it is reset.
 */
export function breakOff(response: Pick<NodeOutgoing, 'destroy' | 'socket' | 'stream'>): void {
  if (response.stream !== undefined) return void response.stream.close(2)
  try {
    ;(response.socket as Partial<Socket> | null | undefined)?.resetAndDestroy?.()
  } catch {
    // A connection of TLS has no reset, and marks its end by itself.
  }
  response.destroy()
}

async function cancel(body: Answer['body']): Promise<void> {
  if (body !== null && typeof body !== 'string') await body.cancel().catch(() => undefined)
}

/** Cookies are one header of several values; no other name comes twice. */
export function grouped(headers: Answer['headers']): readonly (readonly [string, string | readonly string[]])[] {
  const cookies = headers.flatMap(([name, value]) => (name === 'set-cookie' ? [value] : []))
  const others = headers.filter(([name]) => name !== 'set-cookie')
  return cookies.length === 0 ? others : [...others, ['set-cookie', cookies]]
}

function drained(response: NodeOutgoing, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go)
      response.off('close', go)
      gone.removeEventListener('abort', go)
      resolve()
    }
    response.once('drain', go)
    response.once('close', go)
    gone.addEventListener('abort', go)
    if (gone.aborted || response.destroyed === true || response.stream?.destroyed === true) go()
  })
}

function targetOf({ originalUrl, url = '/' }: NodeIncoming): string {
  return originalUrl ?? url
}

/** The request for a handler. Its address is as the client wrote it. */
function webRequest(
  request: NodeIncoming,
  signal: AbortSignal | undefined,
  read: Uint8Array | 'lost' | undefined,
): Request {
  const { method = 'GET', rawHeaders } = request
  const headers = new Headers()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at] as string, rawHeaders[at + 1] as string]
    // HTTP/2 has the method, path and host in fields that begin with a colon.
    if (!name.startsWith(':')) headers.append(name, value)
  }
  const scheme = Reflect.get(request.socket, 'encrypted') === true ? 'https' : 'http'
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const init = {
    method,
    headers,
    ...(signal !== undefined && { signal }),
    ...(hasBody && { body: bodyFor(request, read), duplex: 'half' }),
  }
  return new Request(
    addressOf(targetOf(request), `${scheme}://${request.headers.host ?? hostOf(request) ?? 'localhost'}`),
    init,
  )
}

function bodyFor(request: NodeIncoming, read: Uint8Array | 'lost' | undefined): BodyInit {
  if (read === 'lost') return lostBody()
  return read === undefined ? bodyOf(request) : Uint8Array.from(read)
}

/** A target that begins with two slashes is a path, and not another host. */
function addressOf(target: string, origin: string): URL {
  if (!target.startsWith('/')) return new URL(target, 'http://localhost')
  try {
    return new URL(`${origin}${target}`)
  } catch {
    return new URL(`http://localhost${target}`)
  }
}

/** The unread body. Nothing is read ahead. */
function bodyOf(request: NodeIncoming): ReadableStream<Uint8Array> {
  let iterator: AsyncIterator<Uint8Array | string> | undefined
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        iterator ??= request[Symbol.asyncIterator]()
        const { done, value } = await iterator.next()
        if (done) controller.close()
        else controller.enqueue(typeof value === 'string' ? new TextEncoder().encode(value) : value)
      },
    },
    { highWaterMark: 0 },
  )
}
