// node only: its users serve sockets
import type { Socket } from 'node:net'

/** The places of open connections, a bounded number. */
export interface ConnectionPlaces {
  /**
   * Gives a place to a connection until it is closed. If all places are taken, the oldest connection that was answered
   * and ended on this side is closed, or else the oldest one that has not begun: everybody who can connect can hold
   * connections without sending anything, or keep their ends of refused ones open.
   *
   * @returns false if all others have begun and have not ended.
   */
  take(socket: Socket): boolean
  /** Notes that a connection has sent what it has to send first, so it keeps its place. */
  begin(socket: Socket): void
  /** Gives up the place of a connection that stays open. */
  leave(socket: Socket): void
  readonly open: ReadonlySet<Socket>
}

/** Makes the places. A connection that has not begun is closed without an answer. */
export function connectionPlaces(most: number): ConnectionPlaces {
  const open = new Set<Socket>()
  /** The oldest first. */
  const waiting = new Set<Socket>()
  function leave(socket: Socket): void {
    open.delete(socket)
    waiting.delete(socket)
  }
  return {
    open,
    take(socket) {
      if (open.size >= most) {
        const oldest = [...open].find(({ writableFinished }) => writableFinished) ?? [...waiting][0]
        if (oldest === undefined) return false
        leave(oldest)
        oldest.destroy()
      }
      open.add(socket)
      waiting.add(socket)
      socket.once('close', () => leave(socket))
      return true
    },
    begin: (socket) => void waiting.delete(socket),
    leave,
  }
}

/** Limits the connections of a server. The limit of Node refuses new ones, while strangers hold the others. */
export function limitConnections(
  server: { on(event: 'connection', listener: (socket: Socket) => void): unknown },
  most: number,
): ConnectionPlaces {
  const places = connectionPlaces(most)
  server.on('connection', (socket) => {
    if (!places.take(socket)) socket.destroy()
  })
  return places
}
