import { isBusy } from '../../../support/sqlite.ts'
import type { Written } from '../group-commit.ts'

/** Milliseconds for which a batch is tried again. */
export const longestBusyMs = 1_000
/** Milliseconds until the next attempt. Each wait is twice as long as the one before it, up to the maximum. */
const firstPauseMs = 1
const longestPauseMs = 16

/**
 * Writes batches, and waits while another connection holds the lock of the database, for at most a second. The process
 * does other work meanwhile, and an event whose caller gives up is not written.
 *
 * A client can wait for the lock itself, and blocks the process. That time counts.
 */
export function whileBusy<T>(write: (batch: T) => Promise<Written>): (batch: T) => Promise<Written> {
  let began = 0
  let pauseMs = 0
  return async (batch) => {
    const start = performance.now()
    // The callers of an earlier batch may all have given up. A pause is far shorter than this.
    if (pauseMs === 0 || start - began > 2 * longestBusyMs) {
      began = start
      pauseMs = firstPauseMs
    }
    try {
      const written = await write(batch)
      pauseMs = 0
      return written
    } catch (cause) {
      if (!isBusy(cause) || performance.now() - began > longestBusyMs) {
        pauseMs = 0
        throw cause
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    pauseMs = Math.min(2 * pauseMs, longestPauseMs)
    // No event is written yet: the next batch is made of the events whose callers still wait.
    return []
  }
}
