// node only: closes servers

/** A server of `node:http`, `node:https` or `node:http2`, or an instance of Fastify, which has one. */
export interface ClosableServer {
  close(closed: () => void): unknown
  /** Of Fastify. */
  readonly server?: object
}

/** The part of a server of Node that is used. */
interface NodeServer {
  on?(event: string, listener: (first: Watched, second: Watched) => void): unknown
  closeIdleConnections?(): void
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
  node.on?.('connection', (socket) => {
    keep(socket, sockets)
    if (isClosing) socket.destroy?.()
  })
  // Of HTTP/2: a session without streams would stay.
  node.on?.('session', (session) => {
    keep(session, sessions)
    if (isClosing) session.close?.()
  })
  // A connection that is kept alive would last for seconds after its last response.
  node.on?.('request', (_, response) => response.once('close', () => isClosing && node.closeIdleConnections?.()))
  return async (closeMs) => {
    isClosing = true
    for (const session of sessions) session.close?.()
    // Node takes a connection on which nothing has arrived for one with a request.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy?.()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy?.()
        resolve()
      }, closeMs)
      // A server that does not listen answers with an error: it is closed.
      server.close(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

function keep(one: Watched, kept: Set<Watched>): void {
  kept.add(one)
  one.once('close', () => kept.delete(one))
}
