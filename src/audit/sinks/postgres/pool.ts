import { takeConnection } from '../../../support/take-connection.ts'

/** Runs queries. */
export interface PostgresQueryable {
  query(text: string, parameters?: readonly unknown[]): Promise<{ readonly rows: readonly unknown[] }>
}

/** A connection that was taken from a pool. */
export interface PostgresConnection extends PostgresQueryable {
  /** Returns it to the pool; with an error, it is destroyed. */
  release(error?: Error): void
  /** Listens for the loss of the connection while no query runs. Without a listener, it would end the process. */
  on?(event: 'error', listener: (error: Error) => void): unknown
  /** Removes a listener. */
  off?(event: 'error', listener: (error: Error) => void): unknown
}

/** A pool of connections. */
export interface PostgresPool {
  connect(): Promise<PostgresConnection>
}

/**
 * Runs a task with a connection of a pool. A connection on which the task failed may be in any state: it is destroyed,
 * and the server rolls back its transaction.
 */
export async function withConnection<T>(
  pool: PostgresPool,
  task: (connection: PostgresQueryable) => Promise<T>,
): Promise<T> {
  // The next query fails with the same loss, and reports it.
  const onLoss = (): void => undefined
  const connection = await takeConnection(pool, onLoss)
  try {
    const result = await task(connection)
    connection.off?.('error', onLoss)
    connection.release()
    return result
  } catch (cause) {
    connection.release(cause instanceof Error ? cause : new Error('the query failed'))
    throw cause
  }
}
