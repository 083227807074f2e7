// node only: closes connections
import process from 'node:process'

/** The part of a server of Node that is used. */
export interface NodeServer {
  on?(event: string, listener: Listener): unknown
  prependListener?(event: string, listener: Listener): unknown
  listenerCount?(event: string): number
  /** Of HTTP/1, and of HTTP/2 over TLS. */
  closeIdleConnections?(): void
  /** Of HTTP/1. */
  closeAllConnections?(): void
}

type Listener = (first: Watched, second: Watched) => void

/** A socket, a session or stream of HTTP/2, a request, or a response. */
interface Watched {
  once(event: 'close', listener: () => void): unknown
  readonly bytesRead?: number
  /** Of a socket that a server has accepted. */
  readonly server?: object | null
  /** Of a request. */
  readonly socket?: Watched
  /** Of a stream of HTTP/2. */
  readonly session?: Watched | undefined
  /** Of a response of HTTP/2. */
  readonly stream?: object
  /** Of a response of HTTP/1. */
  shouldKeepAlive?: boolean
  close?(): void
  destroy?(): void
}

/** The connections of a server, which end in three steps. */
export interface WatchedConnections {
  /** Each connection ends after its present request, and one without a request stays for one more. */
  askToEnd(): void
  /** Ends the connections without a request. Further ones are ended at once. */
  endUnused(): void
  /** Ends all connections. */
  endAll(): void
}

/** Watches the connections of a server. */
export function watchConnections(node: NodeServer): WatchedConnections {
  const closeIdle = node.closeIdleConnections?.bind(node)
  /**
   * With the responses that are open. One that waits for others of its socket does not report that the socket is
   * closed.
   */
  const sockets = new Map<Watched, Set<Watched>>()
  const sessions = new Set<Watched>()
  /** Of HTTP/2. */
  const responses = new Set<Watched>()
  let isClosing = false
  let isLate = false
  // In TLS, the handshake arrives before the first request; the second event has the socket on which nothing has
  // arrived.
  for (const event of ['connection', 'secureConnection'])
    node.on?.(event, (socket) => {
      keepSocket(socket)
      if (isLate) socket.destroy?.()
    })
  for (const socket of openSockets(node)) keepSocket(socket)
  function keepSocket(socket: Watched): void {
    sockets.set(socket, new Set())
    socket.once('close', () => sockets.delete(socket))
  }
  function keepSession(session: Watched): void {
    keep(session, sessions)
    if (isClosing) session.close?.()
  }
  // Of HTTP/2: a session without streams would stay. One that was open before is found by its next stream.
  node.on?.('session', keepSession)
  node.prependListener?.('stream', ({ session }) => {
    if (session !== undefined && !sessions.has(session)) keepSession(session)
  })
  // A connection that is kept alive would last for seconds after its last response. A server of HTTP/2 has sessions:
  // with this event, it would answer for a program that handles its streams. The handler of the program comes after
  // this one.
  if (closeIdle !== undefined && (node.closeAllConnections !== undefined || node.listenerCount?.('request') !== 0))
    node.prependListener?.('request', ({ socket }, response) => {
      // One of TLS that was open before is found by its next request.
      if (socket !== undefined && response.stream === undefined && !sockets.has(socket)) keepSocket(socket)
      keep(response, (socket && sockets.get(socket)) ?? responses)
      if (isClosing) response.shouldKeepAlive = false
      response.once('close', () => isLate && closeIdle())
    })

  return {
    askToEnd() {
      isClosing = true
      for (const session of sessions) session.close?.()
      // The client learns from the response that its connection is not kept.
      for (const open of [...sockets.values(), responses]) for (const response of open) response.shouldKeepAlive = false
      // `close` of a server calls it.
      if (closeIdle !== undefined) node.closeIdleConnections = () => undefined
    },
    endUnused() {
      isLate = true
      if (closeIdle !== undefined) {
        node.closeIdleConnections = closeIdle
        closeIdle()
      }
      // Node takes a connection on which nothing has arrived for one with a request.
      for (const socket of sockets.keys()) if (socket.bytesRead === 0) socket.destroy?.()
    },
    endAll() {
      for (const socket of [...sockets.keys(), ...openSockets(node)]) socket.destroy?.()
      node.closeAllConnections?.()
    },
  }
}

/**
 * The open connections of a server, also those from before it was watched. A server of Node ends those of HTTP/1 alone,
 * unless they were upgraded. This function is deprecated in Node's documentation alone (DEP0161), and no other one
 * lists connections.
 */
function openSockets(server: object): readonly Watched[] {
  const { _getActiveHandles: list } = process as { _getActiveHandles?(): readonly unknown[] }
  const handles = (list?.() ?? []) as readonly Watched[]
  return handles.filter((handle) => handle.server === server)
}

function keep(one: Watched, kept: Set<Watched>): void {
  kept.add(one)
  one.once('close', () => kept.delete(one))
}
