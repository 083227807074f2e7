/**
 * Whether the client of a request is there.
 *
 * @module
 */

/** The part of Node's `ServerResponse` that is used. */
interface Closable {
  readonly writableFinished: boolean
  /** False for a stream of HTTP/2 that finished because its client is gone. */
  readonly writableEnded?: boolean
  /** Null while the response waits for others of its connection, in HTTP/1. */
  readonly socket?: object | null
  /** Undefined in HTTP/2, where the stream has it. */
  readonly destroyed?: boolean
  readonly stream?: { readonly destroyed: boolean }
  once(event: 'close', listener: () => void): unknown
  off(event: 'close', listener: () => void): unknown
}

/** The part of Node's `EventEmitter` that is used. */
interface Connection {
  readonly destroyed: boolean
  once(event: 'close', listener: () => void): unknown
  off(event: 'close', listener: () => void): unknown
  getMaxListeners(): number
  setMaxListeners(count: number): unknown
}

/** A client, for as long as its request is answered. */
export interface FollowedClient {
  /** Aborted when the connection is closed before the response is complete. HTP-26 */
  readonly signal: AbortSignal
  /** Ends it. It may be called again. */
  leave(): void
}

/**
 * Follows the client of a request until the response is complete.
 *
 * A response of Node reports the end of its connection. One that waits for others, since its client has sent several
 * requests at once, does not: its connection is followed. A client may be gone before, while a middleware waited.
 */
export function followClient(socket: object, response: Closable): FollowedClient {
  const gone = new AbortController()
  const onClose = (): void => {
    leave()
    if (!response.writableFinished || response.writableEnded === false)
      gone.abort(new DOMException('the client closed the connection', 'AbortError'))
  }
  let connection = response.socket === null ? (socket as Connection) : undefined
  const leave = (): void => {
    response.off('close', onClose)
    connection?.off('close', onClose)
    if (connection !== undefined) allowMore(connection, -1)
    connection = undefined
  }
  response.once('close', onClose)
  connection?.once('close', onClose)
  if (connection !== undefined) allowMore(connection, 1)
  if (response.destroyed === true || response.stream?.destroyed === true || connection?.destroyed === true) onClose()
  return { signal: gone.signal, leave }
}

/**
 * Node warns of more listeners than are expected. With zero it never does, and the program may have set it meanwhile.
 */
function allowMore(connection: Connection, count: 1 | -1): void {
  const most = connection.getMaxListeners()
  if (most > 0) connection.setMaxListeners(most + count)
}
