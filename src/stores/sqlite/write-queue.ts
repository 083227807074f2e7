// node only: turns of the event loop

/**
 * Writes that share a transaction. STO-04
 *
 * @module
 */

import { batchPerTurn } from '../../support/batch-per-turn.ts'
import { type SqliteDatabase, whenFree } from '../../support/sqlite.ts'
import { isGivenUp } from '../batches.ts'
import { failure } from './failure.ts'

/** Runs a write within the next transaction, and resolves to its result once the transaction is committed. */
export type WriteQueue = <T>(write: () => T, signal?: AbortSignal | undefined) => Promise<T>

interface Waiting {
  readonly write: () => unknown
  readonly signal: AbortSignal | undefined
  readonly resolve: (value: never) => void
  readonly reject: (cause: unknown) => void
}

/**
 * Makes a queue of writes. All that arrive in one turn of the event loop, and while another process writes, share one
 * transaction; then the loop turns before the next one. A write that throws fails alone: its changes are undone.
 *
 * @param timeoutMs - how long a write waits for another process.
 * @param maxBatch - most writes of one transaction.
 */
export function createWriteQueue(database: SqliteDatabase, timeoutMs: number, maxBatch: number): WriteQueue {
  const queue = batchPerTurn<Waiting>({
    most: maxBatch,
    isGivenUp,
    async run(batch) {
      try {
        await write(database, timeoutMs, batch)
      } catch (cause) {
        for (const { reject } of batch) reject(failure(cause))
      }
      return []
    },
  })
  return <T>(write: () => T, signal?: AbortSignal) =>
    new Promise<T>((resolve, reject) => queue.add({ write, signal, resolve, reject } as Waiting))
}

/** Makes the writes in one transaction, and answers when it is committed. */
async function write(database: SqliteDatabase, timeoutMs: number, batch: readonly Waiting[]): Promise<void> {
  // Without a write-ahead log, a commit would have to wait for connections that read; an exclusive transaction has
  // waited.
  await whenFree(() => database.exec('BEGIN EXCLUSIVE'), timeoutMs)
  const answers: (() => void)[] = []
  try {
    for (const waiting of batch) answers.push(writeOne(database, waiting))
    database.exec('COMMIT')
  } catch (cause) {
    rollBack(database)
    throw cause
  }
  for (const answer of answers) answer()
}

/** Makes one write, and returns how it is answered once it is committed. */
function writeOne(database: SqliteDatabase, { write, resolve, reject }: Waiting): () => void {
  database.exec('SAVEPOINT one')
  try {
    const value = write()
    database.exec('RELEASE one')
    return () => resolve(value as never)
  } catch (cause) {
    try {
      database.exec('ROLLBACK TO one')
      database.exec('RELEASE one')
    } catch {
      // A full disk, for example, makes SQLite roll the whole transaction back.
      throw cause
    }
    return () => reject(failure(cause))
  }
}

function rollBack(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // SQLite has already rolled back by itself.
  }
}

/** Lets the event loop turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
