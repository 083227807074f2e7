/** Calls under way: counted, bounded, and waited for at the end. */
export interface InFlight {
  /**
   * Runs a task with a signal of its own that fires when the guard has waited long enough to close. One signal for all
   * would gather a listener for each.
   */
  run<T>(task: (closing: AbortSignal) => Promise<T>): Promise<T>
  /** Whether one more may begin: `overloaded` or `closed` says why not. A call that begins ends with {@link leave}. */
  enter(): 'entered' | 'overloaded' | 'closed'
  leave(): void
  /** Lets nobody in any more. Resolves when the last has left; after `milliseconds` their signals fire, and no one is waited for. */
  drain(milliseconds: number): Promise<void>
}

/** Makes the count for at most `max` calls. */
export function createInFlight(max: number): InFlight {
  const running = new Set<AbortController>()
  let count = 0
  let closed = false
  /** Set when the guard has waited long enough: what begins its work only then was let in before, and is not done. */
  let ending: Error | undefined
  let onEmpty: (() => void) | undefined

  return {
    async run(task) {
      const controller = new AbortController()
      running.add(controller)
      if (ending !== undefined) controller.abort(ending)
      try {
        return await task(controller.signal)
      } finally {
        running.delete(controller)
      }
    },
    enter() {
      if (closed) return 'closed'
      if (count >= max) return 'overloaded'
      count += 1
      return 'entered'
    },
    leave() {
      count -= 1
      if (count === 0) onEmpty?.()
    },
    async drain(milliseconds) {
      closed = true
      if (count === 0) return
      let timer: ReturnType<typeof setTimeout> | undefined
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          ending = new Error('the guard is closing')
          for (const controller of running) controller.abort(ending)
          // One more turn, in which handlers that listen can end and be recorded.
          setTimeout(resolve, Math.min(milliseconds, 250))
        }, milliseconds)
      })
      await Promise.race([patience, new Promise<void>((resolve) => (onEmpty = resolve))])
      clearTimeout(timer)
    },
  }
}
