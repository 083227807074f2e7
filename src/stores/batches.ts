// node only: turns of the event loop

/**
 * Requests that share a round trip.
 *
 * @module
 */

/** Asks one thing, in the next round trip. */
export type Ask<Item, Answer> = (item: Item, signal?: AbortSignal | undefined) => Promise<Answer>

interface Waiting<Item, Answer> {
  readonly item: Item
  readonly signal: AbortSignal | undefined
  readonly resolve: (answer: Answer) => void
  readonly reject: (cause: unknown) => void
}

/**
 * Round trips that are under way at a time, without those that a silent server does not answer. A second one is
 * prepared while the first one travels.
 */
const atATime = 2

/**
 * Makes requests share round trips: all that arrive in one turn of the event loop, or while the round trips before them
 * are under way.
 *
 * @param run - makes one round trip, and returns an answer for each item, in their order.
 * @param maxBatch - most items of one round trip.
 * @param onSilence - takes a listener, which is called when the server is silent. The next round trips then do not wait
 * for those that are under way.
 */
export function inBatches<Item, Answer>(
  run: (items: readonly Item[]) => Promise<readonly Answer[]>,
  maxBatch: number,
  onSilence: (listener: () => void) => unknown,
): Ask<Item, Answer> {
  let queue: Waiting<Item, Answer>[] = []
  let running = 0
  let silences = 0
  let scheduled = false

  onSilence(() => {
    silences += 1
    running = 0
    schedule()
  })

  function schedule(): void {
    if (scheduled || running >= atATime || queue.length === 0) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      void send(take())
      // There may be more than one round trip takes.
      schedule()
    })
  }

  /** Takes the next items out of the queue. Those whose caller has stopped waiting are not sent. */
  function take(): readonly Waiting<Item, Answer>[] {
    const next = queue.slice(0, maxBatch)
    queue = queue.slice(maxBatch)
    return next.filter(({ signal, reject }) => {
      if (signal?.aborted) reject(signal.reason)
      return !signal?.aborted
    })
  }

  async function send(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    running += 1
    const before = silences
    try {
      const answers = batch.length === 0 ? [] : await run(batch.map(({ item }) => item))
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer)
    } catch (cause) {
      for (const { reject } of batch) reject(cause)
    }
    if (silences === before) running -= 1
    schedule()
  }

  return (item, signal) =>
    new Promise((resolve, reject) => {
      queue.push({ item, signal, resolve, reject })
      schedule()
    })
}
