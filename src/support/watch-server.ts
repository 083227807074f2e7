// node only: closes servers

/** A server of `node:http`, `node:https` or `node:http2`, or an instance of Fastify, which has one. */
export interface ClosableServer {
  close(closed: (error?: Error | null) => void): unknown
  /** Of Fastify. */
  readonly server?: object
}

/** The part of a server of Node that is used. */
interface NodeServer {
  on?(event: string, listener: (first: Watched, second: Watched) => void): unknown
  /** Of HTTP/1. */
  closeIdleConnections?(): void
  closeAllConnections?(): void
}

interface Watched {
  once(event: 'close', listener: () => void): unknown
  readonly bytesRead?: number
  close?(): void
  destroy?(): void
}

/**
 * Watches the connections of a server, so that it can be closed in a bounded time.
 *
 * @returns a function that stops listening, and is fulfilled after the last request, or after so many milliseconds, when
 *   it has ended the connections that remain.
 */
export function watchServer(server: ClosableServer): (closeMs: number) => Promise<void> {
  const node: NodeServer = server.server ?? server
  const sockets = new Set<Watched>()
  const sessions = new Set<Watched>()
  let isClosing = false
  // In TLS, the handshake arrives before the first request; the second event has the socket on which nothing has arrived.
  for (const event of ['connection', 'secureConnection'])
    node.on?.(event, (socket) => {
      keep(socket, sockets)
      if (isClosing) socket.destroy?.()
    })
  // Of HTTP/2: a session without streams would stay.
  node.on?.('session', (session) => {
    keep(session, sessions)
    if (isClosing) session.close?.()
  })
  // A connection that is kept alive would last for seconds after its last response. A server of HTTP/2 has sessions: with
  // this event, it would answer for a program that handles its streams.
  if (node.closeIdleConnections !== undefined)
    node.on?.('request', (_, response) => response.once('close', () => isClosing && node.closeIdleConnections?.()))
  return async (closeMs) => {
    isClosing = true
    for (const session of sessions) session.close?.()
    // Node takes a connection on which nothing has arrived for one with a request.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy?.()
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => {
          for (const socket of sockets) socket.destroy?.()
          // Those that were open before they were watched.
          node.closeAllConnections?.()
          resolve()
        }, closeMs)
        server.close((error) => (error && !isNotRunning(error) ? reject(error) : resolve()))
      })
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The error of a server that does not listen: it is closed. */
function isNotRunning(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ERR_SERVER_NOT_RUNNING'
}

function keep(one: Watched, kept: Set<Watched>): void {
  kept.add(one)
  one.once('close', () => kept.delete(one))
}
