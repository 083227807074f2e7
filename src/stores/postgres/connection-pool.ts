/** A connection of a pool, in use. */
export interface PooledConnection {
  query(text: string, values: readonly string[]): Promise<{ readonly rows: readonly unknown[] }>
  /** Gives it back. With an error, it is closed: at once, if a statement is under way. */
  release(error?: Error): void
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

/** The parts of a `Pool` of `pg` that are used. */
export interface ConnectionPool {
  readonly idleCount: number
  connect(): Promise<PooledConnection>
}

/** Whether a client is a pool of `pg`, or of a package with its interface. */
export function isPool(client: object): client is ConnectionPool {
  const { idleCount, connect } = client as Partial<ConnectionPool>
  return typeof idleCount === 'number' && typeof connect === 'function'
}
