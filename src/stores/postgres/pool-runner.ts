import { sleep } from '../../support/back-off.ts'
import { takeConnection } from '../../support/take-connection.ts'
import { surviveLosses } from '../survive-losses.ts'
import { connectInTurn, ignoreLoss } from './connect-in-turn.ts'
import type { ConnectionPool, PooledConnection } from './connection-pool.ts'

/** Runs statements on the connections of a pool. */
export interface PoolRunner {
  /**
   * Runs a statement.
   *
   * @param signal - aborted when the statement has timed out: its connection is closed. If it has none yet, it is not
   *   sent.
   */
  run(text: string, values: readonly string[], signal: AbortSignal): Promise<{ readonly rows: readonly unknown[] }>
  /** Closes the connections that are not in use. */
  closeIdle(): void
}

/** A connection on which nothing arrived for so long is asked whether it is alive, and has this time for the answer. */
const idleMs = 500

/** Makes a runner. STO-14 */
export function poolRunner(pool: ConnectionPool): PoolRunner {
  /** The last answer on each connection. */
  const heard = new WeakMap<PooledConnection, number>()
  const connect = connectInTurn(pool)
  surviveLosses(pool)

  /** Returns a connection that is alive: a new one, or one on which something arrived a moment ago. */
  async function takeAlive(signal: AbortSignal): Promise<PooledConnection> {
    for (;;) {
      const isNew = pool.idleCount === 0
      const connection = await connect(signal)
      if (signal.aborted) {
        connection.off('error', ignoreLoss)
        connection.release()
        throw signal.reason
      }
      const last = heard.get(connection) ?? (isNew ? performance.now() : Number.NEGATIVE_INFINITY)
      if (performance.now() - last < idleMs || (await isAlive(connection, signal))) return connection
      closeIdle()
      signal.throwIfAborted()
    }
  }

  function closeIdle(): void {
    for (let left = pool.idleCount; left > 0; left--) {
      void takeConnection(pool, ignoreLoss).then((connection) => {
        // A connection with a statement under way is closed without Terminate, which a dead one would wait for.
        connection.query('SELECT 1', []).catch(ignoreLoss)
        connection.release(new Error('the server is silent'))
      }, ignoreLoss)
    }
  }

  return {
    async run(text, values, signal) {
      const connection = await takeAlive(signal)
      let isReleased = false
      const release = (error?: Error): void => {
        if (isReleased) return
        isReleased = true
        connection.off('error', ignoreLoss)
        connection.release(error)
      }
      const close = (): void => release(signal.reason)
      signal.addEventListener('abort', close, { once: true })
      try {
        const result = await connection.query(text, values)
        heard.set(connection, performance.now())
        release()
        return result
      } catch (cause) {
        release(cause as Error)
        throw cause
      } finally {
        signal.removeEventListener('abort', close)
      }
    },
    closeIdle,
  }
}

/** Asks a connection whether it is alive, and closes it unless it answers. */
async function isAlive(connection: PooledConnection, signal: AbortSignal): Promise<boolean> {
  const waiting = new AbortController()
  const stop = (): void => waiting.abort()
  signal.addEventListener('abort', stop, { once: true })
  const answer = connection.query('SELECT 1', []).then(
    () => true,
    () => false,
  )
  await Promise.race([answer, sleep(idleMs, waiting.signal)])
  // An answer may have arrived while this process was busy: it is read before the next timer.
  const answered = await Promise.race([answer, sleep(1, waiting.signal).then(() => false)])
  signal.removeEventListener('abort', stop)
  stop()
  if (!answered) connection.release(new Error('the connection did not answer'))
  return answered
}
