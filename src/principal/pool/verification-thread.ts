// node only: uses node:worker_threads
/**
 * One thread, from its start to its end.
 *
 * @module
 */

import { Worker } from 'node:worker_threads'
import { ThreadError } from '../../errors.ts'
import { type Answer, answeredBatch, decodeAnswers, encodeBatch, type Question } from './batch.ts'
import type { BackendChoice } from './choose-backend.ts'
import type { ThreadData } from './thread.ts'

/** A thread that verifies. */
export interface VerificationThread {
  /** How many batches it has not answered yet. */
  readonly underWay: number
  /**
   * Asks it. Resolves one answer for each question, in their order; rejects with a ThreadError when the thread ends
   * first, or says anything that is no answer to one of its batches.
   */
  ask(questions: readonly Question[]): Promise<readonly Answer[]>
  /** Resolves when it came to an end that was not asked for, after everything under way was rejected. */
  readonly failed: Promise<ThreadError>
  /** Ends it. What is under way is rejected. */
  stop(): Promise<void>
}

interface Pending {
  readonly count: number
  readonly resolve: (answers: readonly Answer[]) => void
  readonly reject: (error: ThreadError) => void
}

/** How a thread is started. */
export interface ThreadOptions {
  /** The built `procura/pool/thread`. */
  readonly script: URL
  readonly backend: BackendChoice
  /** Most milliseconds from one answer to the next, while something is under way. */
  readonly answerTimeoutMs: number
}

/**
 * Starts a thread. It does not keep the process from ending, except while something is under way.
 *
 * @throws ThreadError when the host does not allow it.
 */
export function startThread(options: ThreadOptions): VerificationThread {
  const pending = new Map<number, Pending>()
  const worker = newWorker(options)
  const watch = createWatch(options.answerTimeoutMs, () => end('a thread that verifies signatures does not answer'))
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

  /** Batches are answered in their order, so that one answer alone can be right: the one to the oldest. */
  function takeAnswers(message: unknown): void {
    const [oldest] = pending
    const [id, batch] = oldest ?? []
    const answers = batch && id === answeredBatch(message) ? decodeAnswers(message, batch.count) : undefined
    if (id === undefined || batch === undefined || answers === undefined) {
      end('a thread that verifies signatures gave no answer to what it was asked')
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
  worker.on('messageerror', (cause) => end('the answer of a thread that verifies signatures cannot be read', cause))
  worker.on('error', (cause) => end('a thread that verifies signatures failed', cause))
  worker.on('exit', (code) => end(`a thread that verifies signatures ended with code ${code}`))
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
      over ??= new ThreadError('the thread that verifies signatures was stopped')
      for (const { reject } of pending.values()) reject(over)
      pending.clear()
      watch.stop()
      await worker.terminate()
    },
  }
}

/**
 * Without the flags of the process, which are for its own program: what is to be evaluated, how to profile it. With its
 * environment, where package managers say how packages are loaded.
 */
function newWorker({ script, backend }: ThreadOptions): Worker {
  const choice = typeof backend === 'string' ? backend : { sodium: String(backend.sodium) }
  const workerData: ThreadData = { procuraPool: choice }
  try {
    return new Worker(script, { workerData, execArgv: [], name: 'procura-pool' })
  } catch (cause) {
    throw new ThreadError('a thread that verifies signatures cannot be started', { cause })
  }
}

interface Watch {
  /** Begins to wait, or begins anew. */
  start(): void
  stop(): void
}

/**
 * Calls back when nothing was heard for too long. This thread may have been busy for as long and not have heard what was
 * said, so that it listens once more before it believes that.
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
