import { TransportError } from 'procura/errors'
import { sleep, waitAfter } from '#support/back-off.ts'
import { readEvents } from '#support/event-stream.ts'
import {
  commonHeaders,
  deliverText,
  discard,
  endSession,
  exchange,
  type HttpConnection,
  isType,
  report,
  sendRequest,
} from './http-connection.ts'

/** Waits before a stream is opened again. */
const reconnection = Object.freeze({ firstMs: 500, maxMs: 30_000 })

/** Attempts in a row to open a stream again. */
const maxAttempts = 5

type Body = ReadableStream<Uint8Array>

/** The position in a stream. */
interface Position {
  lastId: string | undefined
  retryMs: number | undefined
  /** Failures in a row. */
  failures: number
}

/** Listens to the stream of the server, if it has one. A client that begins a session twice opens no second stream. */
export async function listen(connection: HttpConnection): Promise<void> {
  if (connection.listens) return
  connection.listens = true
  try {
    await exchange(connection, async (own) => {
      const body = await openStream(connection, own, undefined)
      if (body !== undefined && body !== 'none') await readStream(connection, own, body, undefined)
    })
  } finally {
    connection.listens = false
  }
}

/**
 * Delivers the messages of a stream. Where it breaks off, it is opened again after the last event.
 *
 * @param awaited - the id of the request whose response ends the stream. Undefined for the stream of the server.
 * @returns whether the response came.
 */
export async function readStream(
  connection: HttpConnection,
  own: AbortController,
  first: Body,
  awaited: unknown,
): Promise<boolean> {
  const { signal } = own
  const position: Position = { lastId: undefined, retryMs: undefined, failures: 0 }
  for (let body: Body | undefined = first; body !== undefined; body = await reopen(connection, own, position)) {
    try {
      if (await readOnce(connection, body, position, awaited, signal)) return true
    } catch (error) {
      if (signal.aborted) return false
      report(connection, error)
    }
    position.failures += 1
    // Without an id, the server cannot find the missing events.
    if (position.lastId === undefined && awaited !== undefined) return false
  }
  return false
}

async function readOnce(
  connection: HttpConnection,
  body: Body,
  position: Position,
  awaited: unknown,
  signal: AbortSignal,
): Promise<boolean> {
  const most = connection.maxMessageChars
  const tooLong = (): Error => new TransportError('too_large', `an event has more than ${most} characters`)
  for await (const event of readEvents(body, { most, tooLong, signal })) {
    position.lastId = event.lastId ?? position.lastId
    position.retryMs = event.retryMs ?? position.retryMs
    if (event.type !== 'message' || !event.data) continue
    position.failures = 0
    const answered = await deliverText(connection, event.data)
    if (awaited !== undefined && answered.includes(awaited)) return true
  }
  return false
}

async function reopen(connection: HttpConnection, own: AbortController, position: Position): Promise<Body | undefined> {
  const { signal } = own
  for (; position.failures <= maxAttempts; position.failures += 1) {
    await sleep(waitAfter(Math.max(1, position.failures), reconnection, position.retryMs), signal)
    if (signal.aborted) return undefined
    const body = await openStream(connection, own, position.lastId)
    if (body === 'none') return undefined
    if (body !== undefined) return body
  }
  return undefined
}

/** Opens the stream of the server; `none` if it has none, and undefined if it failed. */
async function openStream(
  connection: HttpConnection,
  own: AbortController,
  lastId: string | undefined,
): Promise<Body | 'none' | undefined> {
  const resuming = lastId === undefined ? {} : { 'last-event-id': lastId }
  try {
    const headers = { ...commonHeaders(connection), accept: 'text/event-stream', ...resuming }
    const response = await sendRequest(connection, own, { method: 'GET', headers })
    if (response.ok && isType(response, 'text/event-stream') && response.body !== null) return response.body
    discard(response)
    if (response.status === 404 && connection.session !== undefined) endSession(connection)
    return response.status < 500 ? 'none' : undefined
  } catch (error) {
    report(connection, error)
    return undefined
  }
}
