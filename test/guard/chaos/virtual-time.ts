import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'

/** Waits, by the clock of {@link inVirtualTime} where there is one. */
export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** A timer of a host that has `unref`. */
interface Timer {
  readonly due: number
  readonly ring: () => void
  unref(): void
}

/**
 * Runs a task while time passes as fast as the task allows: a millisecond goes by when there is nothing left to do in it.
 * So what is tried does not depend on how busy the machine is. The timers of the runner are too slow for so many.
 *
 * @param limitMs - when the task has not ended by then, it hangs.
 */
export async function inVirtualTime<T>(limitMs: number, task: () => Promise<T>): Promise<T> {
  const { setTimeout, clearTimeout } = globalThis
  const { now: realNow } = performance
  const timers = new Map<number, Set<Timer>>()
  let now = 0
  function start(ring: () => void, milliseconds = 0): Timer {
    const due = now + Math.max(1, Math.ceil(milliseconds))
    const timer: Timer = { due, ring, unref: () => undefined }
    timers.set(due, (timers.get(due) ?? new Set()).add(timer))
    return timer
  }
  const clear = (timer: Timer | undefined): void => void (timer && timers.get(timer.due)?.delete(timer))
  const set = (from: object): void => void Object.assign(globalThis, from)
  set({ setTimeout: start, clearTimeout: clear })
  performance.now = () => now
  try {
    let isOpen = true
    const work = task().finally(() => {
      isOpen = false
    })
    work.catch(() => undefined)
    while (isOpen) {
      if (now > limitMs) throw new Error(`it has not ended after ${limitMs} ms`)
      now += 1
      for (const timer of timers.get(now) ?? []) timer.ring()
      timers.delete(now)
      // all that can be done without waiting, and what was begun by that
      await setImmediate()
      await setImmediate()
    }
    return await work
  } finally {
    set({ setTimeout, clearTimeout })
    performance.now = realNow
  }
}
