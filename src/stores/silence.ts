// node only: turns of the event loop

import { startBackgroundTimer } from '../support/background-timer.ts'

/** Notices that a connection is silent, from the requests of a store. */
export interface SilenceWatch {
  /**
   * Notes that a request was sent. Returns the function that notes its end.
   *
   * The function takes whether the request ended by itself: with an answer, or with an error of the client. A request
   * that timed out did not.
   */
  sent(): (ended: boolean) => void
}

/** Options of {@link watchSilence}. */
export interface SilenceOptions {
  /** The shortest silence that is reported, in milliseconds. */
  readonly limitMs: number
  /** The longest limit: the milliseconds after which a request times out. */
  readonly mostMs: number
  /** Returns the open connection, to notice that it is another one; undefined while none is open. */
  readonly connection: () => unknown
  /** Called when the connection is silent, and again each time that the silence has lasted as long once more. */
  readonly onSilence: () => void
}

/**
 * Watches a connection for silence (STO-13): requests wait, and none has ended by itself for some time.
 *
 * The limit follows a slow server, so that a connection with late answers is not taken for a dead one again and again:
 * it is at least twice the time of the last answer, and doubles with each report until there is an answer.
 */
export function watchSilence({ limitMs, mostMs, connection, onSilence }: SilenceOptions): SilenceWatch {
  const looksMs = Math.max(1, limitMs / 8)
  let waiting = 0
  /**
   * When the present silence began: with the last answer, report or connection, or with the first request that waits.
   */
  let since = 0
  let limit = limitMs
  let isLooking = false
  let open: unknown

  function report(): void {
    since = performance.now()
    limit = Math.min(2 * limit, mostMs)
    onSilence()
  }

  function lookSoon(): void {
    if (isLooking) return
    isLooking = true
    startBackgroundTimer(look, looksMs)
  }

  function look(): void {
    isLooking = false
    // An answer may have arrived while this process was busy: it is read before the next turn.
    setImmediate(() => {
      if (waiting === 0) return
      const now = performance.now()
      const present = connection()
      if (present === undefined || (open !== undefined && present !== open)) since = now
      open = present
      // Timers fire up to a millisecond early.
      if (now - since >= limit - 1) report()
      lookSoon()
    })
  }

  return {
    sent() {
      const start = performance.now()
      if (waiting === 0) since = start
      waiting += 1
      lookSoon()
      return (ended) => {
        waiting -= 1
        if (ended) {
          since = performance.now()
          limit = Math.max(limitMs, Math.min(mostMs, 2 * (since - start)))
          return
        }
        setImmediate(() => {
          // Nothing was heard since this request was sent, and nothing was reported.
          if (since <= start && connection() !== undefined) report()
        })
      }
    },
  }
}
