import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'

/** Waits, by the clock of {@link inVirtualTime} if it is active. */
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
 * Runs a task in virtual time: a millisecond passes when there is no work left in it. The result does not depend on the
 * load of the machine. The fake timers of the test runner are too slow for this many timers.
 *
 * @param limitMs - the task counts as hanging when it has not ended by then.
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
      // Let all pending work run, and the work that it has begun.
      await setImmediate()
      await setImmediate()
    }
    return await work
  } finally {
    set({ setTimeout, clearTimeout })
    performance.now = realNow
  }
}
