// node only: closes servers

/** A server of `node:http`, `node:https` or `node:http2`, or an instance of Fastify, which has one. */
export interface ClosableServer {
  close(closed: Closed): unknown
  /** Of Fastify. */
  readonly server?: object
}

type Closed = (error?: Error | null) => void

/** The part of a server of Node that is used. */
interface NodeServer {
  on?(event: string, listener: (connection: Connection) => void): unknown
  closeIdleConnections?(): void
  closeAllConnections?(): void
}

/** A socket, or a session of HTTP/2. */
interface Connection {
  once(event: 'close', listener: () => void): unknown
  destroy(): void
  /** Of a session: no further stream begins. */
  close?(): void
}

/** Milliseconds between two searches for connections that clients keep without a request. */
const idleMs = 100

/**
 * Follows the connections that a server accepts from now on, so that it can be closed in a bounded time. Of the earlier
 * ones, those of HTTP/1 are closed too.
 *
 * @returns a function that stops listening, and resolves after the last request, or after so many milliseconds, when it
 *   has ended the connections that remain.
 */
export function serverCloser(server: ClosableServer): (closeMs: number) => Promise<void> {
  const node: NodeServer = server.server ?? server
  const open = new Set<Connection>()
  let isClosing = false
  for (const event of ['connection', 'session'])
    node.on?.(event, (connection) => {
      open.add(connection)
      connection.once('close', () => open.delete(connection))
      if (isClosing) connection.close?.()
    })

  // SVC-28
  return async (closeMs) => {
    isClosing = true
    for (const connection of open) connection.close?.()
    // A connection that its client keeps after the last response would last for seconds.
    const search = setInterval(() => node.closeIdleConnections?.(), idleMs)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        node.closeAllConnections?.()
        // Upgraded connections and those of HTTP/2 are not among them.
        for (const connection of open) connection.destroy()
        resolve()
      }, closeMs)
    })
    try {
      await Promise.race([late, closed(server)])
    } finally {
      clearInterval(search)
      clearTimeout(timer)
    }
  }
}

/** Waits until a server has closed. One that does not listen is closed. */
function closed(server: ClosableServer): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error?: NodeJS.ErrnoException | null) =>
      error && error.code !== 'ERR_SERVER_NOT_RUNNING' ? reject(error) : resolve(),
    )
  })
}
