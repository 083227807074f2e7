import { isPromiseLike } from './promise.ts'

/** Runs tasks one after another, in the order of the calls. A task starts at once if no other is in progress. */
export type ImmediateMutex = <T>(task: () => T | Promise<T>) => T | Promise<T>

/** A task that waits for its turn. */
interface Waiting {
  readonly start: () => void
  next: Waiting | undefined
}

/**
 * Makes a mutex for this process. It returns the result itself, without a promise, if nothing has to be waited for. A
 * failed task does not prevent the next one. A task that has waited runs in the asynchronous context of its caller.
 */
export function createImmediateMutex(): ImmediateMutex {
  let isTaken = false
  let first: Waiting | undefined
  let last: Waiting | undefined

  /** Passes the turn on. It stays taken until the next task has ended. */
  function leave(): void {
    const next = first
    if (next === undefined) {
      isTaken = false
      return
    }
    first = next.next
    if (first === undefined) last = undefined
    next.start()
  }

  async function leaveAfter<T>(result: Promise<T>): Promise<T> {
    try {
      return await result
    } finally {
      leave()
    }
  }

  function run<T>(task: () => T | Promise<T>): T | Promise<T> {
    let result: T | Promise<T>
    try {
      result = task()
    } catch (error) {
      leave()
      throw error
    }
    if (isPromiseLike(result)) return leaveAfter(result)
    leave()
    return result
  }

  return (task) => {
    if (!isTaken) {
      isTaken = true
      return run(task)
    }
    const turn = new Promise<void>((resolve) => {
      const waiting: Waiting = { start: resolve, next: undefined }
      if (last === undefined) first = waiting
      else last.next = waiting
      last = waiting
    })
    return turn.then(() => run(task))
  }
}
