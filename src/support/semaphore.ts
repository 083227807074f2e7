/** Limits of {@link createSemaphore}. */
export interface SemaphoreOptions {
  /** Tasks that run at once. */
  readonly running: number
  /** Tasks that may wait for their turn; another one is refused. */
  readonly waiting: number
  /** Makes the error of a task that is refused. */
  readonly refusal: () => unknown
}

/** Runs a task when it is its turn, in the order of the calls. Rejects at once if too many tasks wait. */
export type Semaphore = <T>(task: () => Promise<T>) => Promise<T>

/** Makes a semaphore that limits how many tasks run, and how many wait, at a time. */
export function createSemaphore({ running, waiting, refusal }: SemaphoreOptions): Semaphore {
  const queue: (() => void)[] = []
  let active = 0
  return async (task) => {
    if (active < running) active += 1
    else if (queue.length >= waiting) throw refusal()
    else await new Promise<void>((resolve) => queue.push(resolve))
    try {
      return await task()
    } finally {
      // The turn passes directly to the next task, so a new task cannot overtake the queue.
      const next = queue.shift()
      if (next === undefined) active -= 1
      else next()
    }
  }
}
