/** The calls in progress: counted, limited, and waited for at the end. */
export interface InFlight {
  /**
   * Runs a task with a signal that is aborted when the time to close has passed. Each task has its own signal: a shared
   * one would collect the listeners of all calls.
   */
  run<T>(task: (closing: AbortSignal) => Promise<T>): Promise<T>
  /** Admits a call, or returns why not. An admitted call ends with {@link leave}. */
  enter(): 'entered' | 'overloaded' | 'closed'
  leave(): void
  /** Whether the time to close has passed: an admitted call whose handler has not started is refused. */
  isEnding(): boolean
  /**
   * Notes an intent that is about to be recorded. Call the returned function when its outcome was recorded, or failed.
   */
  record(): () => void
  /**
   * Stops admitting calls, and resolves when the last one has left. After `milliseconds` their signals are aborted, and
   * the wait ends when each intent has its outcome. Records have their own deadlines.
   */
  drain(milliseconds: number): Promise<void>
}

/** Makes the count for at most `max` calls. */
export function createInFlight(max: number): InFlight {
  const running = new Set<AbortController>()
  const calls = createCount()
  const records = createCount()
  let closed = false
  /** Set when the time to close has passed. */
  let ending: Error | undefined

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
      if (calls.now() >= max) return 'overloaded'
      calls.add()
      return 'entered'
    },
    leave: calls.remove,
    isEnding: () => ending !== undefined,
    record() {
      records.add()
      let open = true
      return () => {
        if (open) records.remove()
        open = false
      }
    },
    async drain(milliseconds) {
      closed = true
      await within(milliseconds, calls.none())
      if (calls.now() === 0) return
      ending = new Error('the guard is closing')
      for (const controller of running) controller.abort(ending)
      // Handlers that listen to their signal can still end, and leases be returned.
      await within(Math.min(milliseconds, 250), calls.none())
      await records.none()
    },
  }
}

/** A counter, and a promise for the moment at which it is 0. */
function createCount(): { add(): void; remove(): void; now(): number; none(): Promise<void> } {
  const waiting: (() => void)[] = []
  let count = 0
  return {
    add: () => {
      count += 1
    },
    remove: () => {
      count -= 1
      if (count === 0) for (const go of waiting.splice(0)) go()
    },
    now: () => count,
    none: async () => (count === 0 ? undefined : new Promise((resolve) => waiting.push(resolve))),
  }
}

/** Waits for an event, or until the time has passed. */
async function within(milliseconds: number, event: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([patience, event])
  clearTimeout(timer)
}
