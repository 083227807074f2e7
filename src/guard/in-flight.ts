/** Whether a guard accepts calls, and how many are in progress. */
export interface GuardHealth {
  /** `closing` from the call of `close` until the last call has ended; then `closed`. */
  readonly status: 'open' | 'closing' | 'closed'
  /** Calls in progress. */
  readonly calls: number
  /** `maxInFlight`. */
  readonly maxCalls: number
}

/** The calls in progress: counted, limited, and waited for at the end. */
export interface InFlight {
  /**
   * Calls back when the time to close has passed, or at once if it has passed already.
   *
   * @returns ends the wait for it.
   */
  onEnding(listener: (reason: Error) => void): () => void
  /** Admits a call, or returns why not. An admitted call ends with {@link leave}. */
  enter(): 'entered' | 'overloaded' | 'closed'
  leave(): void
  state(): Pick<GuardHealth, 'calls' | 'status'>
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
  const listeners = new Set<(reason: Error) => void>()
  const calls = createCount()
  const records = createCount()
  let closed = false
  /** Set when the time to close has passed. */
  let ending: Error | undefined

  return {
    onEnding(listener) {
      if (ending !== undefined) listener(ending)
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    enter() {
      if (closed) return 'closed'
      if (calls.now() >= max) return 'overloaded'
      calls.add()
      return 'entered'
    },
    leave: calls.remove,
    state: () => ({ status: !closed ? 'open' : calls.now() > 0 ? 'closing' : 'closed', calls: calls.now() }),
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
      for (const listener of listeners) listener(ending)
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
