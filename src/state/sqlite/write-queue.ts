/**
 * Writes that share a transaction. STO-04
 *
 * @module
 */

import { StoreError } from '../../errors.ts'
import { isBusy, type SqliteStoreDatabase } from './database.ts'

/** Runs a write within the next transaction, and resolves to what it returned once that is committed. */
export type WriteQueue = <T>(write: () => T, signal?: AbortSignal | undefined) => Promise<T>

interface Waiting {
  readonly write: () => unknown
  readonly signal: AbortSignal | undefined
  readonly resolve: (value: never) => void
  readonly reject: (cause: unknown) => void
}

/** Milliseconds between two attempts while another process writes, doubled up to the last. */
const pauses = [1, 2, 4, 8, 16] as const

/**
 * Makes a queue of writes. All that arrive in one turn of the event loop, and while another process writes, share one
 * transaction; then the loop turns before the next one. A write that throws fails alone: what it did is undone.
 *
 * @param timeoutMs - how long a write waits for another process.
 * @param maxBatch - most writes of one transaction.
 */
export function createWriteQueue(database: SqliteStoreDatabase, timeoutMs: number, maxBatch: number): WriteQueue {
  let queue: Waiting[] = []
  let running = false

  async function drain(): Promise<void> {
    running = true
    await nextTurn()
    while (queue.length > 0) {
      const batch = takeWaiting()
      try {
        if (batch.length > 0) await begin(database, timeoutMs)
        if (batch.length > 0) commit(database, batch)
      } catch (cause) {
        for (const { reject } of batch) reject(failure(cause))
      }
      await nextTurn()
    }
    running = false
  }

  /** Takes the next writes out of the queue. Those whose caller has stopped waiting are not made. */
  function takeWaiting(): readonly Waiting[] {
    const next = queue.slice(0, maxBatch)
    queue = queue.slice(maxBatch)
    const aborted = next.filter(({ signal }) => signal?.aborted)
    for (const { signal, reject } of aborted) reject(signal?.reason)
    return next.filter((waiting) => !aborted.includes(waiting))
  }

  return <T>(write: () => T, signal?: AbortSignal) =>
    new Promise<T>((resolve, reject) => {
      queue.push({ write, signal, resolve, reject } as Waiting)
      if (!running) void drain()
    })
}

/** Makes the writes in the transaction that has begun, and answers when it is committed. */
function commit(database: SqliteStoreDatabase, batch: readonly Waiting[]): void {
  const answers: (() => void)[] = []
  try {
    for (const { write, resolve, reject } of batch) {
      database.exec('SAVEPOINT one')
      try {
        const value = write()
        answers.push(() => resolve(value as never))
      } catch (cause) {
        database.exec('ROLLBACK TO one')
        answers.push(() => reject(failure(cause)))
      }
      database.exec('RELEASE one')
    }
    database.exec('COMMIT')
  } catch (cause) {
    rollBack(database)
    throw cause
  }
  for (const answer of answers) answer()
}

/** Begins a transaction. Waits in turns of the event loop, not in SQLite, which would block the process. */
async function begin(database: SqliteStoreDatabase, timeoutMs: number): Promise<void> {
  const start = performance.now()
  for (let attempt = 0; ; attempt++) {
    try {
      database.exec('BEGIN IMMEDIATE')
      return
    } catch (cause) {
      const pause = pauses[Math.min(attempt, pauses.length - 1)] as number
      if (!isBusy(cause) || performance.now() - start + pause > timeoutMs) throw cause
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
}

function rollBack(database: SqliteStoreDatabase): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // SQLite has already rolled back by itself.
  }
}

function failure(cause: unknown): StoreError {
  return cause instanceof StoreError
    ? cause
    : new StoreError('the SQLite database did not take a write; its cause says why', { cause })
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
