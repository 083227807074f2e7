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
  /** Whether the guard has waited long enough: a call that was let in before is not begun any more. */
  isEnding(): boolean
  /** Says that an intent is about to be recorded. Call what it returns when its outcome was, or could not be. */
  record(): () => void
  /**
   * Lets nobody in any more. Resolves when the last has left; after `milliseconds` their signals fire, and they are waited
   * for only until each intent has its outcome. Records have deadlines of their own.
   */
  drain(milliseconds: number): Promise<void>
}

/** Makes the count for at most `max` calls. */
export function createInFlight(max: number): InFlight {
  const running = new Set<AbortController>()
  const calls = createCount()
  const records = createCount()
  let closed = false
  /** Set when the guard has waited long enough: what begins its work only then was let in before, and is not done. */
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
      // One more turn, in which handlers that listen can end, and leases be given back.
      await within(Math.min(milliseconds, 250), calls.none())
      await records.none()
    },
  }
}

/** A number of things, and the moment at which there are none. */
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

/** Waits for something, and no longer than some time. */
async function within(milliseconds: number, event: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([patience, event])
  clearTimeout(timer)
}
