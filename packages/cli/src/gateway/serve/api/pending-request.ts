// node only: answers on sockets
/**
 * The time of a request to an API before its call is decided. Until then it can be turned away, and the answer says
 * that it was not executed.
 *
 * @module
 */

import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { denialResponse } from 'procura/http'
import type { NodeIncoming } from 'procura/http/express'
import { unlessAborted } from '#support/abort.ts'

/** Milliseconds for which the rest of a refused request is read. */
const lingerMs = 1_000

/** Why a request is turned away. */
const reasons: Readonly<Record<'overloaded' | 'deadline_exceeded' | 'closed', string>> = Object.freeze({
  overloaded: 'newer requests have displaced this one before it had arrived',
  deadline_exceeded: 'the request has not arrived in time',
  closed: 'the gateway is ending, and the request has not arrived',
})

/** The code of the answer to a request that is turned away. */
export type AwayCode = keyof typeof reasons

/** The refusal of a request that is turned away, for the record. */
export interface AwayRefusal {
  readonly code: AwayCode
  readonly requirement: string
}

const requirement = 'GTW-71'

/** A request from its first line on. */
export interface PendingRequest {
  /** Aborted when the request is turned away. */
  readonly away: AbortSignal
  /** Begins the decision or the answer. Returns false for a request that was turned away. */
  begin(): boolean
  /**
   * Answers that the request was not executed. One that has begun is closed. Resolves when the connection is closed.
   */
  turnAway(code: AwayCode): Promise<void>
}

/**
 * Follows a request.
 *
 * @param onBegin - called when the request cannot be turned away any more.
 * @param record - records that it was turned away. The answer waits for it.
 */
export function pendingRequest(
  socket: Socket,
  onBegin: () => void,
  record: (refusal: AwayRefusal) => Promise<void>,
): PendingRequest {
  const away = new AbortController()
  let hasBegun = false
  return {
    away: away.signal,
    begin() {
      if (away.signal.aborted) return false
      hasBegun = true
      onBegin()
      return true
    },
    async turnAway(code) {
      if (away.signal.aborted) return
      if (hasBegun) return void socket.destroy()
      away.abort()
      await record({ code, requirement })
      if (socket.writableEnded || socket.destroyed) return
      await new Promise<void>((resolve) => {
        socket.once('close', resolve)
        endRefused(socket, answerOf(code))
      })
    },
  }
}

/**
 * Writes the answer to a refused request, and ends the connection. The rest of the request is read for a moment: a
 * connection that ends with bytes unread is reset, and its client may lose the answer.
 */
export function endRefused(socket: Duplex, answer: string): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(timer))
  socket.end(answer)
  socket.resume()
}

/** The bytes of the response: the request may have no response of Node yet. */
function answerOf(code: AwayCode): string {
  const message = `${reasons[code]}; it was not executed, and can be sent again`
  const { status, headers, body } = denialResponse({ code, message, requirement })
  const lines = Object.entries({
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n')
}

/** The request for the handler. Its body breaks off when it is turned away, so no more of it is kept. */
export function breakingOff(request: IncomingMessage, away: AbortSignal): NodeIncoming {
  const { method, url, headers, rawHeaders, socket } = request
  async function* chunks(): AsyncGenerator<Uint8Array | string, void> {
    const body: AsyncIterator<Uint8Array | string> = request[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { done, value } = await unlessAborted(body.next(), away)
        if (done === true) return
        yield value
      }
    } catch (error) {
      void discard(body)
      throw error
    }
  }
  return { method, url, headers, rawHeaders, socket, [Symbol.asyncIterator]: chunks }
}

async function discard(body: AsyncIterator<unknown>): Promise<void> {
  try {
    while ((await body.next()).done !== true);
  } catch {
    // The connection has ended.
  }
}
