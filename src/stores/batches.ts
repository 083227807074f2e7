// node only: turns of the event loop

/**
 * Requests that share a round trip.
 *
 * @module
 */

import { batchPerTurn } from '../support/batch-per-turn.ts'

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
  const queue = batchPerTurn<Waiting<Item, Answer>>({
    most: maxBatch,
    atATime,
    isGivenUp,
    async run(batch) {
      try {
        const answers = await run(batch.map(({ item }) => item))
        for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer)
      } catch (cause) {
        for (const { reject } of batch) reject(cause)
      }
      return []
    },
  })
  onSilence(queue.overtake)
  return (item, signal) => new Promise((resolve, reject) => queue.add({ item, signal, resolve, reject }))
}

/** Refuses a request whose caller has stopped waiting: it is not sent. */
export function isGivenUp({ signal, reject }: Pick<Waiting<unknown, never>, 'reject' | 'signal'>): boolean {
  try {
    if (signal?.aborted !== true) return false
    reject(signal.reason)
  } catch (cause) {
    // The signal of one caller may throw. The others of its batch do not depend on it.
    reject(cause)
  }
  return true
}
