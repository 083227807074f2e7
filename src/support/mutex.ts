/** Runs tasks one after another, in the order in which they were given. */
export type Mutex = <T>(task: () => Promise<T>) => Promise<T>

/** Makes a mutex of this process. A task that fails does not stop the next. */
export function createMutex(): Mutex {
  let last: Promise<unknown> = Promise.resolve()
  return (task) => {
    const result = last.then(task, task)
    last = result.catch(() => undefined)
    return result
  }
}
