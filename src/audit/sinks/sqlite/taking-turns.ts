import type { Written } from '../group-commit.ts'
import type { SqliteLog } from './write-batch.ts'

/** Milliseconds for which a writer that was seen counts as present. */
const presenceMs = 5_000
/** The longest pause, in milliseconds. */
const longestPauseMs = 20

/**
 * Writes batches, and pauses after each for as long as it took while other writers are present. SQLite has no queue for
 * its lock: a writer that waits looks for it now and then, and would find it taken again. Events that arrive in a pause
 * share the next batch. AUD-43
 */
export function takingTurns<T>(
  log: Pick<SqliteLog, 'othersAt'>,
  write: (batch: T) => Promise<Written>,
): (batch: T) => Promise<Written> {
  let pausedUntil = Number.NEGATIVE_INFINITY
  return async (batch) => {
    const began = performance.now()
    if (began < pausedUntil) {
      await new Promise((resolve) => setTimeout(resolve, pausedUntil - began))
      pausedUntil = Number.NEGATIVE_INFINITY
      return []
    }
    const written = await write(batch)
    const now = performance.now()
    if (now - log.othersAt < presenceMs) pausedUntil = now + Math.min(now - began, longestPauseMs)
    return written
  }
}
