/** How items are taken in batches. */
export interface BatchOptions<Item> {
  /** Most items of a batch. */
  readonly most: number
  /** Batches that are under way at a time. Default 1. */
  readonly atATime?: number
  /** Whether the caller of an item has stopped waiting. Such an item is answered here, and is in no batch. */
  isGivenUp(item: Item): boolean
  /** Answers a batch. Resolves with the items that begin the next one instead. Does not reject. */
  run(items: readonly Item[]): Promise<readonly Item[]>
}

/** Items that wait for their batch. */
export interface BatchQueue<Item> {
  add(item: Item): void
  /** No longer waits for the batches that are under way. */
  overtake(): void
  /** Resolves when no item waits, and no batch is under way. */
  settled(): Promise<void>
}

/**
 * Lets the items that arrive in one turn of the event loop, or while the batches before them are under way, share a
 * batch. The event loop turns before each batch, so other work need not wait until the queue is empty.
 */
export function batchPerTurn<Item>({ most, atATime = 1, isGivenUp, run }: BatchOptions<Item>): BatchQueue<Item> {
  let queue: Item[] = []
  let [running, overtaken, isScheduled] = [0, 0, false]
  const onSettled: (() => void)[] = []

  function schedule(): void {
    if (isScheduled || running >= atATime || queue.length === 0) return
    isScheduled = true
    // Where there is no Node, a timer turns the event loop.
    const { setImmediate: turn = setTimeout } = globalThis as { setImmediate?: (callback: () => void) => unknown }
    turn(() => {
      isScheduled = false
      void begin()
      // There may be more than one batch takes.
      schedule()
    })
  }

  async function begin(): Promise<void> {
    const batch = queue.slice(0, most)
    queue = queue.slice(most)
    running += 1
    const before = overtaken
    const wanted = batch.filter((item) => !isGivenUp(item))
    const left = wanted.length === 0 ? [] : await run(wanted)
    if (left.length > 0) queue = [...left, ...queue]
    if (before === overtaken) running -= 1
    schedule()
    if (isScheduled || running > 0) return
    for (const settle of onSettled.splice(0)) settle()
  }

  return {
    add(item) {
      queue.push(item)
      schedule()
    },
    overtake() {
      overtaken += 1
      running = 0
      schedule()
    },
    settled: () =>
      new Promise((resolve) => {
        if (isScheduled || running > 0) onSettled.push(resolve)
        else resolve()
      }),
  }
}
