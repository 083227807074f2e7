import { sleep, waitAfter } from '../../support/back-off.ts'
import { takeConnection } from '../../support/take-connection.ts'
import type { ConnectionPool, PooledConnection } from './connection-pool.ts'

/**
 * After a connection failed, the next one is tried after this time. It grows, so a server that is down is not flooded.
 */
const waits = { firstMs: 20, maxMs: 200 } as const

/** A connection that takes longer is not waited for before another one is tried. */
const attemptMs = 500

/**
 * Listens for the loss of a connection that is taken from a pool. The statement under way, or the next one, fails with
 * it.
 */
export function ignoreLoss(): void {}

/**
 * Makes a function that takes a connection from a pool, with the listener `ignoreLoss`. While connections fail, they
 * are tried one after another, with waits.
 */
export function connectInTurn(pool: ConnectionPool): (signal: AbortSignal) => Promise<PooledConnection> {
  let failures = 0
  /** Ends with the last attempt while connections fail. */
  let attempt: Promise<unknown> = Promise.resolve()

  async function connectOnce(): Promise<PooledConnection> {
    try {
      const connection = await takeConnection(pool, ignoreLoss)
      failures = 0
      return connection
    } catch (cause) {
      failures += 1
      throw cause
    }
  }

  return async (signal) => {
    while (failures > 0 && pool.idleCount === 0) {
      const last = attempt
      await last
      if (last !== attempt) continue
      const next = sleep(waitAfter(failures, waits), signal).then(() => {
        signal.throwIfAborted()
        return connectOnce()
      })
      attempt = Promise.race([next.catch(() => undefined), sleep(attemptMs, signal)])
      return next
    }
    return connectOnce()
  }
}
