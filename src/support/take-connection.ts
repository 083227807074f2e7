/** A connection of a pool, which reports its loss as an event. */
export interface WatchedConnection {
  on?(event: 'error', listener: (error: Error) => void): unknown
}

/**
 * Takes a connection from a pool in the way of `pg`, and listens for its errors from the first moment. The message that
 * a server ends can be in the packet that completes the connection. It is read before a promise is continued, and
 * without a listener it would end the process; a callback is called in time. A pool that knows promises alone works as
 * well.
 */
export function takeConnection<T extends WatchedConnection>(
  pool: { connect(): Promise<T> },
  listener: (error: Error) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isTaken = false
    function take(connection: T): void {
      if (!isTaken) connection.on?.('error', listener)
      isTaken = true
      resolve(connection)
    }
    const connect = pool.connect as (callback: (error?: unknown, connection?: T) => void) => PromiseLike<T> | undefined
    const promise = connect.call(pool, (error, connection) => (connection ? take(connection) : reject(error)))
    promise?.then(take, reject)
  })
}
