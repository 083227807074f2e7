/** Runs tasks one after another, in the order of the calls. */
export type Mutex = <T>(task: () => Promise<T>) => Promise<T>

/** Makes a mutex for this process. A failed task does not prevent the next one. */
export function createMutex(): Mutex {
  let last: Promise<unknown> = Promise.resolve()
  return (task) => {
    const result = last.then(task, task)
    last = result.catch(() => undefined)
    return result
  }
}
