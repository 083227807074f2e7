import { StoreError } from '../errors.ts'
import { sleep } from '../support/back-off.ts'

/**
 * Asks a connection again and again whether it is alive, because nothing arrives on a dead one that only listens.
 * RVK-33
 *
 * @param ask - sends a question, and resolves with the answer.
 * @param everyMs - milliseconds between two questions, and the longest wait for an answer.
 * @returns a promise that resolves when the signal is aborted.
 * @throws StoreError when an answer is missing.
 */
export async function keepAsking(ask: () => Promise<unknown>, everyMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(everyMs, signal)
    if (signal.aborted) return
    let answered = false
    const answer = ask().then(() => {
      answered = true
    })
    const waiting = new AbortController()
    const stop = (): void => waiting.abort()
    signal.addEventListener('abort', stop, { once: true })
    try {
      await Promise.race([answer, sleep(everyMs, waiting.signal)])
      // An answer may have arrived while this process was busy: it is read before the next timer.
      if (!answered) await Promise.race([answer, sleep(1, waiting.signal)])
    } finally {
      signal.removeEventListener('abort', stop)
      stop()
    }
    if (!answered && !signal.aborted) {
      throw new StoreError(`the connection that listens did not answer for ${everyMs} ms`)
    }
  }
}
