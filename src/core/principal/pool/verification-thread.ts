// node only: uses node:worker_threads
/**
 * One verification thread, from its start to its end.
 *
 * @module
 */

import { Worker } from 'node:worker_threads'
import { ThreadError } from '../../../errors.ts'
import { type Answer, answeredBatch, decodeAnswers, encodeBatch, type Question } from './batch.ts'
import type { BackendChoice } from './choose-backend.ts'
import type { ThreadData } from './thread.ts'

/** A thread that verifies signatures. */
export interface VerificationThread {
  /** Batches that the thread has not answered yet. */
  readonly underWay: number
  /**
   * Resolves with one answer for each question, in the same order. Rejects with a ThreadError when the thread ends
   * first, or sends a message that does not answer its oldest batch.
   */
  ask(questions: readonly Question[]): Promise<readonly Answer[]>
  /** Resolves when the thread ended without {@link stop}, after its pending questions were rejected. */
  readonly failed: Promise<ThreadError>
  /** Ends the thread. Its pending questions are rejected. */
  stop(): Promise<void>
}

interface Pending {
  readonly count: number
  readonly resolve: (answers: readonly Answer[]) => void
  readonly reject: (error: ThreadError) => void
}

/** Options of {@link startThread}. */
export interface ThreadOptions {
  /** The built `procura/pool/thread`. */
  readonly script: URL
  readonly backend: BackendChoice
  /** Most milliseconds from one answer to the next, while questions are pending. */
  readonly answerTimeoutMs: number
}

/**
 * Starts a thread. It keeps the process alive only while questions are pending.
 *
 * @throws ThreadError when the host refuses to start one.
 */
export function startThread(options: ThreadOptions): VerificationThread {
  const pending = new Map<number, Pending>()
  const worker = newWorker(options)
  const watch = createWatch(options.answerTimeoutMs, () =>
    end(`a verification thread did not answer within ${options.answerTimeoutMs} ms`),
  )
  let nextId = 0
  let over: ThreadError | undefined
  let tellFailed: (error: ThreadError) => void
  const failed = new Promise<ThreadError>((resolve) => {
    tellFailed = resolve
  })

  function end(message: string, cause?: unknown): void {
    if (over !== undefined) return
    over = new ThreadError(message, { cause })
    for (const { reject } of pending.values()) reject(over)
    pending.clear()
    watch.stop()
    void worker.terminate()
    tellFailed(over)
  }

  /** Batches are answered in order, so the only valid answer is the one to the oldest batch. */
  function takeAnswers(message: unknown): void {
    const [oldest] = pending
    const [id, batch] = oldest ?? []
    const answers = batch && id === answeredBatch(message) ? decodeAnswers(message, batch.count) : undefined
    if (id === undefined || batch === undefined || answers === undefined) {
      end('a verification thread returned an invalid answer')
      return
    }
    pending.delete(id)
    if (pending.size === 0) {
      worker.unref()
      watch.stop()
    } else watch.start()
    batch.resolve(answers)
  }

  worker.on('message', takeAnswers)
  worker.on('messageerror', (cause) => end('the answer of a verification thread cannot be deserialized', cause))
  worker.on('error', (cause) => end('a verification thread failed', cause))
  worker.on('exit', (code) => end(`a verification thread ended with exit code ${code}`))
  worker.unref()

  return {
    get underWay() {
      return pending.size
    },
    ask: (questions) =>
      new Promise((resolve, reject) => {
        if (over !== undefined) return reject(over)
        nextId = (nextId + 1) >>> 0
        const bytes = encodeBatch({ id: nextId, questions })
        if (pending.size === 0) {
          worker.ref()
          watch.start()
        }
        pending.set(nextId, { count: questions.length, resolve, reject })
        worker.postMessage(bytes, [bytes.buffer])
      }),
    failed,
    stop: async () => {
      over ??= new ThreadError('the verification thread was stopped')
      for (const { reject } of pending.values()) reject(over)
      pending.clear()
      watch.stop()
      await worker.terminate()
    },
  }
}

/**
 * The flags of the process are for its own program (`--eval`, `--prof`), so the thread does not get them. It gets the
 * environment, which some package managers use to find packages.
 */
function newWorker({ script, backend }: ThreadOptions): Worker {
  const choice = typeof backend === 'string' ? backend : { sodium: String(backend.sodium) }
  const workerData: ThreadData = { procuraPool: choice }
  try {
    return new Worker(script, { workerData, execArgv: [], name: 'procura-pool' })
  } catch (cause) {
    throw new ThreadError('a verification thread cannot be started', { cause })
  }
}

interface Watch {
  /** Starts the timer, or restarts it. */
  start(): void
  stop(): void
}

/**
 * Calls back after a time without an answer. The calling thread may itself have been busy for that long, with an answer
 * in its queue; therefore it takes the answers that have arrived before it calls back.
 */
function createWatch(milliseconds: number, onSilence: () => void): Watch {
  let timer: NodeJS.Timeout | undefined
  const stop = () => {
    clearTimeout(timer)
    timer = undefined
  }
  return {
    start() {
      stop()
      const own = setTimeout(() => setImmediate(() => timer === own && onSilence()), milliseconds)
      timer = own
    },
    stop,
  }
}
